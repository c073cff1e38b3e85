-- Presence that follows the load, custom statuses, allowed presences (docs/decisions/0037). The version before this one offers to
-- agents who are available, and to nobody who is busy.
ALTER TYPE "presence" ADD VALUE 'inactive';
CREATE TABLE "presence_statuses" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "presence" "presence" NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "presence_statuses_pkey" PRIMARY KEY ("org_id","id")
);
CREATE TABLE "presence_settings" (
    "org_id" UUID NOT NULL,
    "do_not_disturb_on_reject" BOOLEAN NOT NULL DEFAULT false,
    "inactive_on_missed_offer" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "presence_settings_pkey" PRIMARY KEY ("org_id")
);
CREATE UNIQUE INDEX "presence_statuses_org_id_name_key" ON "presence_statuses"("org_id", "name");
ALTER TABLE "agents" ADD COLUMN     "presence_is_automatic" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "presence_status_id" UUID,
ADD COLUMN     "profile_load" SMALLINT;
ALTER TABLE "workstreams" ADD COLUMN     "allowed_presences" TEXT[] DEFAULT ARRAY['available', 'busy']::TEXT[];

-- Written by hand from here on.

ALTER TABLE presence_statuses ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE presence_settings ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE agents ADD FOREIGN KEY (org_id, presence_status_id) REFERENCES presence_statuses (org_id, id);
CREATE INDEX agents_with_presence_status ON agents (org_id, presence_status_id) WHERE presence_status_id IS NOT NULL;
-- Who could take something is looked for every second: those who are not offline are few, and so are those at work.
CREATE INDEX agents_at_work ON agents (org_id, id) WHERE presence IN ('available', 'busy');
CREATE INDEX agents_present ON agents (org_id, id) WHERE presence IN ('available', 'busy', 'do_not_disturb', 'away');

DO $$
DECLARE tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['presence_statuses', 'presence_settings']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY own_organization ON %I TO parley_app USING (org_id = app_org_id())', tenant_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO parley_app', tenant_table);
  END LOOP;
END $$;

-- An agent's presence follows what they have, in the statement that changes it: whoever takes or gives back capacity need not think of
-- it. What a person set to available or busy lasts until then; do not disturb, away and offline last until a person changes them.
CREATE FUNCTION follow_load() RETURNS trigger LANGUAGE plpgsql SET search_path = public
AS $$
DECLARE
  units_full boolean := NEW.used_units > 0 AND NEW.used_units >= NEW.capacity_units;
  places_full boolean := NEW.profile_load >= 2;
  is_full boolean;
  next presence;
BEGIN
  is_full := CASE
    WHEN NEW.profile_load IS NULL THEN units_full
    WHEN NEW.profile_load = 3 OR NEW.capacity_units = 0 THEN places_full
    ELSE units_full AND places_full END;
  next := CASE
    WHEN is_full THEN 'do_not_disturb'
    WHEN NEW.used_units > 0 OR NEW.profile_load > 0 THEN 'busy'
    ELSE 'available' END;
  NEW.presence_is_automatic := true;
  IF next <> NEW.presence THEN
    NEW.presence := next;
    NEW.presence_status_id := NULL;
    NEW.presence_changed_at := greatest(NEW.presence_changed_at, NEW.last_assigned_at, NEW.last_released_at);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER agents_follow_load BEFORE UPDATE OF used_units, capacity_units, profile_load ON agents FOR EACH ROW
  WHEN ((NEW.presence_is_automatic OR NEW.presence IN ('available', 'busy'))
    AND (OLD.used_units <> NEW.used_units OR OLD.profile_load IS DISTINCT FROM NEW.profile_load
      OR (OLD.capacity_units <> NEW.capacity_units AND NEW.presence_is_automatic)))
  EXECUTE FUNCTION follow_load();
