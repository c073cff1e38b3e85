-- What supervisors do with many conversations at once (docs/decisions/0038).
CREATE TABLE "bulk_actions" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "action" JSONB NOT NULL,
    "role" "role" NOT NULL,
    "agent_id" UUID,
    "author_name" TEXT NOT NULL,
    "total" INTEGER NOT NULL,
    "done" INTEGER NOT NULL DEFAULT 0,
    "failed" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "bulk_actions_pkey" PRIMARY KEY ("org_id","id")
);
CREATE TABLE "bulk_action_items" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "bulk_action_id" UUID NOT NULL,
    "conversation_id" UUID NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'waiting',
    "error_code" TEXT,
    "error_message" TEXT,
    "at" TIMESTAMPTZ(3),

    CONSTRAINT "bulk_action_items_pkey" PRIMARY KEY ("org_id","id")
);
CREATE INDEX "bulk_actions_org_id_agent_id_id_idx" ON "bulk_actions"("org_id", "agent_id", "id");
CREATE UNIQUE INDEX "bulk_action_items_org_id_bulk_action_id_conversation_id_key" ON "bulk_action_items"("org_id", "bulk_action_id", "conversation_id");
CREATE INDEX "bulk_action_items_org_id_bulk_action_id_id_idx" ON "bulk_action_items"("org_id", "bulk_action_id", "id");

-- Written by hand from here on.

ALTER TABLE bulk_actions ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE bulk_actions ADD CONSTRAINT bulk_actions_counts CHECK (
  done >= 0 AND failed >= 0 AND done + failed <= total AND (finished_at IS NOT NULL) = (done + failed = total)
);
-- What a caller names need not exist: that is what its item then says.
ALTER TABLE bulk_action_items ADD FOREIGN KEY (org_id, bulk_action_id) REFERENCES bulk_actions (org_id, id);
ALTER TABLE bulk_action_items ADD CONSTRAINT bulk_action_items_status CHECK (
  status IN ('waiting', 'done', 'failed') AND (at IS NULL) = (status = 'waiting') AND (error_code IS NOT NULL) = (status = 'failed')
);
CREATE INDEX bulk_actions_under_way ON bulk_actions (org_id) WHERE finished_at IS NULL;
CREATE INDEX bulk_action_items_waiting ON bulk_action_items (org_id, id) WHERE status = 'waiting';

DO $$
DECLARE tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['bulk_actions', 'bulk_action_items']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY own_organization ON %I TO parley_app USING (org_id = app_org_id())', tenant_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO parley_app', tenant_table);
  END LOOP;
END $$;
-- The sweep: where something is under way.
CREATE POLICY across_organizations ON bulk_actions TO parley_system USING (true);
GRANT SELECT ON bulk_actions TO parley_system;
