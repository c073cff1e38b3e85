-- The trail of a conversation: one row for each step (docs/decisions/0027). Its opening is not in it: that is in the
-- conversation itself. Narrow, and with one index, because every step writes one.
CREATE TABLE status_changes (
  org_id uuid NOT NULL,
  conversation_id uuid NOT NULL,
  id uuid NOT NULL,
  at timestamptz(3) NOT NULL,
  happening text NOT NULL,
  status conversation_status NOT NULL,
  reason text NOT NULL,
  actor text NOT NULL,
  actor_id uuid,
  agent_id uuid,
  queue_id uuid,
  PRIMARY KEY (org_id, conversation_id, id),
  FOREIGN KEY (org_id, conversation_id) REFERENCES conversations (org_id, id)
);

ALTER TABLE status_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE status_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON status_changes TO parley_app USING (org_id = app_org_id());
-- Nobody has the right to change or to delete an entry.
GRANT SELECT, INSERT ON status_changes TO parley_app;
