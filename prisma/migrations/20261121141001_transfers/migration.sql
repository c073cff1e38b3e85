-- A transfer that awaits its agent: the conversation stays with the one who has it (docs/decisions/0028).
ALTER TABLE conversations ADD COLUMN transfer_agent_id uuid;
-- The agent who asked for it; null where it was a key that names none.
ALTER TABLE conversations ADD COLUMN transfer_by_id uuid;
ALTER TABLE conversations ADD COLUMN transfer_offered_at timestamptz(3);
ALTER TABLE conversations ADD COLUMN transfer_expires_at timestamptz(3);
ALTER TABLE conversations ADD COLUMN transfer_count integer NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD FOREIGN KEY (org_id, transfer_agent_id) REFERENCES agents (org_id, id);
CREATE INDEX conversations_transferring ON conversations (org_id, transfer_agent_id, id) WHERE transfer_agent_id IS NOT NULL;

-- What an organization lets its people do with conversations. Without a row: everything.
CREATE TABLE supervision_settings (
  org_id uuid NOT NULL REFERENCES organizations (id),
  transfer_to_agents boolean NOT NULL DEFAULT true,
  updated_at timestamptz(3) NOT NULL,
  PRIMARY KEY (org_id)
);
ALTER TABLE supervision_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE supervision_settings FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON supervision_settings TO parley_app USING (org_id = app_org_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON supervision_settings TO parley_app;
