-- Capacity by profile (docs/decisions/0034). The version before this one goes on taking units.
CREATE TYPE "capacity_reset" AS ENUM ('immediate', 'end_of_day');
ALTER TABLE "workstreams" ADD COLUMN     "capacity_profile_id" UUID;
ALTER TABLE "conversations" ADD COLUMN     "capacity_profile_ids" UUID[] DEFAULT ARRAY[]::UUID[],
ADD COLUMN     "held_profile_ids" UUID[] DEFAULT ARRAY[]::UUID[];
CREATE TABLE "capacity_profiles" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "work_item_limit" INTEGER NOT NULL,
    "reset" "capacity_reset" NOT NULL,
    "blocks_assignment" BOOLEAN NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "capacity_profiles_pkey" PRIMARY KEY ("org_id","id")
);
CREATE TABLE "agent_capacity_profiles" (
    "org_id" UUID NOT NULL,
    "agent_id" UUID NOT NULL,
    "profile_id" UUID NOT NULL,
    "is_assigned" BOOLEAN NOT NULL,
    "custom_limit" INTEGER,
    "item_limit" INTEGER NOT NULL,
    "is_daily" BOOLEAN NOT NULL,
    "used" INTEGER NOT NULL DEFAULT 0,
    "overcommitted" INTEGER NOT NULL DEFAULT 0,
    "resets_at" TIMESTAMPTZ(3),

    CONSTRAINT "agent_capacity_profiles_pkey" PRIMARY KEY ("org_id","agent_id","profile_id")
);
CREATE UNIQUE INDEX "capacity_profiles_org_id_name_key" ON "capacity_profiles"("org_id", "name");
CREATE INDEX "agent_capacity_profiles_org_id_profile_id_idx" ON "agent_capacity_profiles"("org_id", "profile_id");

-- Written by hand from here on.

ALTER TABLE capacity_profiles ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE agent_capacity_profiles ADD FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id);
-- What is left of a profile that no agent has any more goes with it.
ALTER TABLE agent_capacity_profiles ADD FOREIGN KEY (org_id, profile_id) REFERENCES capacity_profiles (org_id, id) ON DELETE CASCADE;
ALTER TABLE workstreams ADD FOREIGN KEY (org_id, capacity_profile_id) REFERENCES capacity_profiles (org_id, id);
CREATE INDEX workstreams_of_capacity_profile ON workstreams (org_id, capacity_profile_id) WHERE capacity_profile_id IS NOT NULL;
CREATE INDEX agent_capacity_profiles_resets ON agent_capacity_profiles (resets_at, org_id) WHERE resets_at IS NOT NULL;

ALTER TABLE capacity_profiles ADD CONSTRAINT capacity_profiles_limit CHECK (work_item_limit BETWEEN 0 AND 10000);
-- An agent is never filled beyond a profile by the engine, whatever two workers do at once.
ALTER TABLE agent_capacity_profiles ADD CONSTRAINT agent_capacity_profiles_used CHECK (
  used >= 0 AND overcommitted >= 0 AND item_limit BETWEEN 0 AND 10000 AND used <= item_limit + overcommitted
);
-- The counters change with each conversation: there is room on the page for it.
ALTER TABLE agent_capacity_profiles SET (fillfactor = 70);

DO $$
DECLARE tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['capacity_profiles', 'agent_capacity_profiles']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY own_organization ON %I TO parley_app USING (org_id = app_org_id())', tenant_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO parley_app', tenant_table);
  END LOOP;
END $$;
-- The sweep: who has a place left, and whose day is over.
CREATE POLICY across_organizations ON agent_capacity_profiles TO parley_system USING (true);
GRANT SELECT ON agent_capacity_profiles TO parley_system;
