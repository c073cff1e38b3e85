-- Closing times and timeout rules (docs/decisions/0035). The version before this one closes after its fixed times.
CREATE TABLE "closing_times" (
    "org_id" UUID NOT NULL,
    "channel" "channel" NOT NULL,
    "open_minutes" INTEGER NOT NULL,
    "active_minutes" INTEGER NOT NULL,
    "wrap_up_minutes" INTEGER NOT NULL,

    CONSTRAINT "closing_times_pkey" PRIMARY KEY ("org_id","channel")
);
CREATE TABLE "timeout_rules" (
    "org_id" UUID NOT NULL,
    "workstream_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "is_active" BOOLEAN NOT NULL,
    "event" TEXT NOT NULL,
    "after_value" INTEGER NOT NULL,
    "after_unit" TEXT NOT NULL,
    "after_minutes" INTEGER NOT NULL,
    "priority" INTEGER NOT NULL,
    "action" JSONB NOT NULL,

    CONSTRAINT "timeout_rules_pkey" PRIMARY KEY ("org_id","workstream_id","position")
);
ALTER TABLE "workstreams" ADD COLUMN     "agent_timeouts" INTEGER[] DEFAULT ARRAY[]::INTEGER[],
ADD COLUMN     "customer_timeouts" INTEGER[] DEFAULT ARRAY[]::INTEGER[];
ALTER TABLE "conversations" ADD COLUMN     "last_agent_message_at" TIMESTAMPTZ(3),
ADD COLUMN     "timeout_at" TIMESTAMPTZ(3);

-- Written by hand from here on.

ALTER TABLE closing_times ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE closing_times ADD CONSTRAINT closing_times_minutes CHECK (
  open_minutes BETWEEN 1 AND 525600 AND active_minutes BETWEEN 1 AND 525600 AND wrap_up_minutes BETWEEN 1 AND 525600
);
ALTER TABLE timeout_rules ADD FOREIGN KEY (org_id, workstream_id) REFERENCES workstreams (org_id, id) ON DELETE CASCADE;
ALTER TABLE timeout_rules ADD CONSTRAINT timeout_rules_known CHECK (
  event IN ('customer_no_response', 'agent_no_response') AND after_unit IN ('minutes', 'hours', 'days')
  AND after_minutes BETWEEN 1 AND 525600
);

DO $$
DECLARE tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['closing_times', 'timeout_rules']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY own_organization ON %I TO parley_app USING (org_id = app_org_id())', tenant_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO parley_app', tenant_table);
  END LOOP;
END $$;
