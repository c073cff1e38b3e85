-- Who takes part in a conversation beside the agent who has it (docs/decisions/0029).
CREATE TYPE participant_mode AS ENUM ('consult', 'monitor');
CREATE TABLE participants (
  org_id uuid NOT NULL,
  id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  session_id uuid NOT NULL,
  agent_id uuid NOT NULL,
  mode participant_mode NOT NULL,
  -- The agent who asked for it; null where it was nobody
  invited_by_id uuid,
  created_at timestamptz(3) NOT NULL,
  -- Until when the invitation may be answered; null once it has been
  expires_at timestamptz(3),
  joined_at timestamptz(3),
  -- Since when they may write to the customer
  added_at timestamptz(3),
  left_at timestamptz(3),
  end_reason text,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, conversation_id) REFERENCES conversations (org_id, id),
  FOREIGN KEY (org_id, session_id) REFERENCES sessions (org_id, id),
  FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id)
);
CREATE INDEX participants_org_id_conversation_id_id_idx ON participants (org_id, conversation_id, id);
CREATE INDEX participants_org_id_session_id_idx ON participants (org_id, session_id);
CREATE UNIQUE INDEX participants_once ON participants (org_id, conversation_id, agent_id) WHERE left_at IS NULL;
CREATE INDEX participants_of_agent ON participants (org_id, agent_id, conversation_id) WHERE left_at IS NULL;

ALTER TABLE participants ENABLE ROW LEVEL SECURITY;
ALTER TABLE participants FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON participants TO parley_app USING (org_id = app_org_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON participants TO parley_app;

-- The same in the conversation, so that who may see it and who hears of it needs no further query.
ALTER TABLE conversations ADD COLUMN participant_ids uuid[] DEFAULT ARRAY[]::uuid[];
ALTER TABLE conversations ADD COLUMN invited_ids uuid[] DEFAULT ARRAY[]::uuid[];
ALTER TABLE conversations ADD COLUMN invitations_expire_at timestamptz(3);
