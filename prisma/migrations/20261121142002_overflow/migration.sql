ALTER TABLE "queues" ADD COLUMN "overflow" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN "without_members_since" TIMESTAMPTZ(3);
ALTER TABLE "routing_rules" ADD COLUMN "ignore_overflow" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "conversations" ADD COLUMN "overflow_after_minutes" INTEGER,
ADD COLUMN "overflow_at" TIMESTAMPTZ(3);
ALTER TABLE "routing_settings" ADD COLUMN "queue_without_members" TEXT NOT NULL DEFAULT 'keep_open';
ALTER TABLE "routing_records" ADD COLUMN "overflowed" JSONB;

-- Written by hand from here on.

ALTER TABLE routing_records ALTER overflowed SET STATISTICS 0;
CREATE INDEX conversations_overflow ON conversations (overflow_at, org_id) WHERE overflow_at IS NOT NULL;
