CREATE TYPE "assignment_method" AS ENUM ('highest_capacity', 'round_robin', 'least_active');

ALTER TABLE "queues" ADD COLUMN "priority" INTEGER NOT NULL DEFAULT 100,
ADD COLUMN "assignment" "assignment_method" NOT NULL DEFAULT 'highest_capacity',
ADD COLUMN "service_level_seconds" INTEGER;
ALTER TABLE "queue_members" ADD COLUMN "last_assigned_at" TIMESTAMPTZ(3);
ALTER TABLE "agents" ADD COLUMN "last_released_at" TIMESTAMPTZ(3);
ALTER TABLE "conversations" ADD COLUMN "priority" INTEGER NOT NULL DEFAULT 100,
ADD COLUMN "is_returning" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "demand" UUID,
ADD COLUMN "parked_reason" TEXT;

CREATE TABLE "routing_settings" (
    "org_id" UUID NOT NULL,
    "decline_limit" INTEGER NOT NULL DEFAULT 3,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "routing_settings_pkey" PRIMARY KEY ("org_id")
);

-- Written by hand from here on.

ALTER TABLE routing_settings ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE routing_settings ADD CONSTRAINT routing_settings_decline_limit CHECK (decline_limit BETWEEN 1 AND 5);
ALTER TABLE routing_settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE routing_settings FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON routing_settings TO parley_app USING (org_id = app_org_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON routing_settings TO parley_app;

-- The lines of a queue: what asks the same of an agent stands in one, in the order in which it is served. A pass of routing
-- goes from line to line and reads the head of those that somebody could take, however long they are.
CREATE INDEX conversations_lines ON conversations (org_id, queue_id, (coalesce(demand, workstream_id)),
  (CASE WHEN is_returning THEN 0 ELSE priority END), queued_at, id)
  WHERE status = 'open' AND queue_id IS NOT NULL AND parked_reason IS NULL;
