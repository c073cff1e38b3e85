-- What is said to customers by itself when something happens (docs/decisions/0025).
CREATE TABLE automatic_messages (
  org_id uuid NOT NULL REFERENCES organizations (id),
  id uuid NOT NULL,
  channel channel NOT NULL,
  workstream_channel_id uuid,
  trigger text NOT NULL,
  active boolean NOT NULL,
  description text,
  default_language text NOT NULL,
  texts jsonb NOT NULL,
  created_at timestamptz(3) NOT NULL,
  updated_at timestamptz(3) NOT NULL,
  PRIMARY KEY (org_id, id),
  FOREIGN KEY (org_id, workstream_channel_id) REFERENCES workstream_channels (org_id, id) ON DELETE CASCADE
);
-- One for each trigger of a number, and one for each of a channel.
CREATE UNIQUE INDEX automatic_messages_of_trigger
  ON automatic_messages (org_id, trigger, workstream_channel_id, channel) NULLS NOT DISTINCT;
CREATE INDEX automatic_messages_of_number ON automatic_messages (org_id, workstream_channel_id);
CREATE INDEX automatic_messages_active ON automatic_messages (org_id, trigger) WHERE active;
ALTER TABLE automatic_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE automatic_messages FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON automatic_messages TO parley_app USING (org_id = app_org_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON automatic_messages TO parley_app;

ALTER TABLE workstreams ADD automatic_messages boolean NOT NULL DEFAULT true;

-- How many a customer has had lately is counted before the next one.
CREATE INDEX messages_automatic ON messages (org_id, conversation_id, created_at)
  WHERE author_type IN ('system') AND direction IN ('outbound');
