-- What agents' notifications show, and how long an offer stands (docs/decisions/0036). The version before this one offers for 120 seconds.
CREATE TABLE "notification_templates" (
    "org_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "title" TEXT NOT NULL,
    "icon" TEXT,
    "show_timeout" BOOLEAN NOT NULL,
    "countdown_seconds" INTEGER NOT NULL,
    "auto_assign" BOOLEAN NOT NULL,
    "auto_accept" BOOLEAN NOT NULL,
    "accept_text" TEXT NOT NULL,
    "reject_text" TEXT,
    "desktop_notification" TEXT NOT NULL,
    "fields" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "notification_templates_pkey" PRIMARY KEY ("org_id","id")
);
CREATE TABLE "workstream_notifications" (
    "org_id" UUID NOT NULL,
    "workstream_id" UUID NOT NULL,
    "slot" TEXT NOT NULL,
    "template_id" UUID NOT NULL,

    CONSTRAINT "workstream_notifications_pkey" PRIMARY KEY ("org_id","workstream_id","slot")
);
CREATE UNIQUE INDEX "notification_templates_org_id_name_key" ON "notification_templates"("org_id", "name");
CREATE INDEX "workstream_notifications_org_id_template_id_idx" ON "workstream_notifications"("org_id", "template_id");
ALTER TABLE "conversations" ADD COLUMN     "offer_auto_assign" BOOLEAN NOT NULL DEFAULT false;

-- Written by hand from here on.

ALTER TABLE notification_templates ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE notification_templates ADD CONSTRAINT notification_templates_allowed CHECK (
  countdown_seconds BETWEEN 10 AND 3600 AND (auto_assign OR NOT auto_accept)
  AND desktop_notification IN ('always', 'in_background', 'never')
);
ALTER TABLE workstream_notifications ADD FOREIGN KEY (org_id, workstream_id) REFERENCES workstreams (org_id, id) ON DELETE CASCADE;
ALTER TABLE workstream_notifications ADD FOREIGN KEY (org_id, template_id) REFERENCES notification_templates (org_id, id);
ALTER TABLE workstream_notifications ADD CONSTRAINT workstream_notifications_slot CHECK (
  slot IN ('incoming_authenticated', 'incoming_unauthenticated', 'transfer', 'consult', 'supervisor_assign')
);

DO $$
DECLARE tenant_table text;
BEGIN
  FOREACH tenant_table IN ARRAY ARRAY['notification_templates', 'workstream_notifications']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tenant_table);
    EXECUTE format('CREATE POLICY own_organization ON %I TO parley_app USING (org_id = app_org_id())', tenant_table);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO parley_app', tenant_table);
  END LOOP;
END $$;
