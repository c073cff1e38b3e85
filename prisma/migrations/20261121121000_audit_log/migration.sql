CREATE TYPE audit_actor AS ENUM ('api_key', 'agent_token', 'platform');

-- Who changed what in an organization, and who read what customers and agents said.
CREATE TABLE audit_log (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  at timestamptz(3) NOT NULL,
  action text NOT NULL,
  subject_id uuid NOT NULL,
  actor_kind audit_actor NOT NULL,
  actor_id uuid,
  key_id uuid,
  role role,
  actor_name text NOT NULL,
  request_id uuid NOT NULL,
  address text NOT NULL,
  forwarded_for text,
  user_agent text,
  before jsonb,
  after jsonb,
  PRIMARY KEY (org_id, id)
);
CREATE INDEX audit_log_in_order ON audit_log (org_id, at, id);
CREATE INDEX audit_log_of_subject ON audit_log (org_id, subject_id, at, id);
CREATE INDEX audit_log_by_actor ON audit_log (org_id, actor_id, at, id);
CREATE INDEX audit_log_by_action ON audit_log (org_id, action, at, id);
ALTER TABLE audit_log ALTER before SET STATISTICS 0, ALTER after SET STATISTICS 0;

ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON audit_log TO parley_app USING (org_id = app_org_id());
-- Nobody has the right to change or to delete an entry.
GRANT SELECT, INSERT ON audit_log TO parley_app;
