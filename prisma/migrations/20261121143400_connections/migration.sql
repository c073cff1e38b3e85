-- An agent's open event streams are their connection (docs/decisions/0037). The version before this one knows none.
CREATE TABLE "agent_connections" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "agent_id" UUID NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "agent_connections_pkey" PRIMARY KEY ("org_id","id")
);
CREATE INDEX "agent_connections_org_id_agent_id_idx" ON "agent_connections"("org_id", "agent_id");
ALTER TABLE "agents" ADD COLUMN     "connection_lost_at" TIMESTAMPTZ(3),
ADD COLUMN     "default_presence" "presence",
ADD COLUMN     "offline_by_loss" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "works_by_stream" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "conversations" ADD COLUMN     "offer_unseen" BOOLEAN NOT NULL DEFAULT false;

-- Written by hand from here on.

ALTER TABLE agent_connections ADD FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id);
CREATE INDEX agent_connections_seen ON agent_connections (seen_at, org_id);
CREATE INDEX agents_connection_lost ON agents (connection_lost_at, org_id) WHERE connection_lost_at IS NOT NULL;
ALTER TABLE agent_connections SET (fillfactor = 70);

ALTER TABLE agent_connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE agent_connections FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON agent_connections TO parley_app USING (org_id = app_org_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON agent_connections TO parley_app;
-- The sweep: whose process has gone.
CREATE POLICY across_organizations ON agent_connections TO parley_system USING (true);
GRANT SELECT ON agent_connections TO parley_system;

-- What the presence of an agent is by what they have: also for one who comes back.
CREATE FUNCTION load_presence(used_units int, capacity_units int, profile_load smallint) RETURNS presence
  LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = public
AS $$
  SELECT CASE
    WHEN CASE
      WHEN profile_load IS NULL THEN used_units > 0 AND used_units >= capacity_units
      WHEN profile_load = 3 OR capacity_units = 0 THEN profile_load >= 2
      ELSE used_units > 0 AND used_units >= capacity_units AND profile_load >= 2 END THEN 'do_not_disturb'::presence
    WHEN used_units > 0 OR profile_load > 0 THEN 'busy'::presence
    ELSE 'available'::presence END
$$;
CREATE OR REPLACE FUNCTION follow_load() RETURNS trigger LANGUAGE plpgsql SET search_path = public
AS $$
DECLARE
  next presence := load_presence(NEW.used_units, NEW.capacity_units, NEW.profile_load);
BEGIN
  NEW.presence_is_automatic := true;
  IF next <> NEW.presence THEN
    NEW.presence := next;
    NEW.presence_status_id := NULL;
    NEW.presence_changed_at := greatest(NEW.presence_changed_at, NEW.last_assigned_at, NEW.last_released_at);
  END IF;
  RETURN NEW;
END $$;
