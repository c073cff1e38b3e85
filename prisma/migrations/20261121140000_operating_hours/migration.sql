-- When teams are open: a week, dates that differ from it, and holidays (docs/decisions/0024).
CREATE TABLE operating_hours (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  name text NOT NULL,
  description text,
  time_zone text NOT NULL,
  weekly jsonb NOT NULL,
  exceptions jsonb NOT NULL,
  holidays jsonb NOT NULL,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  PRIMARY KEY (org_id, id)
);
CREATE UNIQUE INDEX operating_hours_org_id_name_key ON operating_hours (org_id, name);
ALTER TABLE operating_hours ENABLE ROW LEVEL SECURITY;
ALTER TABLE operating_hours FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON operating_hours TO parley_app USING (org_id = app_org_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON operating_hours TO parley_app;

-- Without hours it is always open.
ALTER TABLE queues ADD operating_hours_id uuid;
ALTER TABLE queues ADD FOREIGN KEY (org_id, operating_hours_id) REFERENCES operating_hours (org_id, id);
CREATE INDEX queues_org_id_operating_hours_id_idx ON queues (org_id, operating_hours_id);
ALTER TABLE workstream_channels ADD operating_hours_id uuid;
ALTER TABLE workstream_channels ADD FOREIGN KEY (org_id, operating_hours_id) REFERENCES operating_hours (org_id, id);
CREATE INDEX workstream_channels_org_id_operating_hours_id_idx ON workstream_channels (org_id, operating_hours_id);
