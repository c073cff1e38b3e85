CREATE TYPE "skill_matching" AS ENUM ('exact', 'closest', 'none');
ALTER TABLE "workstreams" ADD COLUMN "skill_matching" "skill_matching" NOT NULL DEFAULT 'exact';
ALTER TABLE "routing_rules" ADD COLUMN "allocation" JSONB;
ALTER TABLE "conversations" ADD COLUMN "skills" JSONB;

CREATE TABLE "skills" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "max_rating" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "skills_pkey" PRIMARY KEY ("org_id","id")
);
CREATE TABLE "agent_skills" (
    "org_id" UUID NOT NULL,
    "agent_id" UUID NOT NULL,
    "skill_id" UUID NOT NULL,
    "rating" INTEGER NOT NULL,

    CONSTRAINT "agent_skills_pkey" PRIMARY KEY ("org_id","agent_id","skill_id")
);
CREATE TABLE "classification_rules" (
    "org_id" UUID NOT NULL,
    "workstream_id" UUID NOT NULL,
    "rulesets" JSONB NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "classification_rules_pkey" PRIMARY KEY ("org_id","workstream_id")
);
CREATE TABLE "routing_records" (
    "org_id" UUID NOT NULL,
    "conversation_id" UUID NOT NULL,
    "routed" JSONB,
    "offered" JSONB,

    CONSTRAINT "routing_records_pkey" PRIMARY KEY ("org_id","conversation_id")
);
CREATE UNIQUE INDEX "skills_org_id_name_key" ON "skills"("org_id", "name");
CREATE INDEX "agent_skills_org_id_skill_id_idx" ON "agent_skills"("org_id", "skill_id");

-- Written by hand from here on.

ALTER TABLE skills ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE skills ADD CONSTRAINT skills_max_rating CHECK (max_rating BETWEEN 1 AND 100);
ALTER TABLE agent_skills ADD FOREIGN KEY (org_id, agent_id) REFERENCES agents (org_id, id);
ALTER TABLE agent_skills ADD FOREIGN KEY (org_id, skill_id) REFERENCES skills (org_id, id) ON DELETE CASCADE;
ALTER TABLE agent_skills ADD CONSTRAINT agent_skills_rating CHECK (rating BETWEEN 1 AND 100);
ALTER TABLE classification_rules ADD FOREIGN KEY (org_id, workstream_id) REFERENCES workstreams (org_id, id) ON DELETE CASCADE;
ALTER TABLE routing_records ADD FOREIGN KEY (org_id, conversation_id) REFERENCES conversations (org_id, id);
-- Nothing is ever looked up by these.
ALTER TABLE routing_records ALTER routed SET STATISTICS 0, ALTER offered SET STATISTICS 0;
ALTER TABLE routing_records SET (fillfactor = 80);
ALTER TABLE conversations ALTER skills SET STATISTICS 0;

DO $$
DECLARE tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['skills', 'agent_skills', 'classification_rules', 'routing_records']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY own_organization ON %I TO parley_app USING (org_id = app_org_id())', tenant_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO parley_app', tenant_table);
  END LOOP;
END $$;
