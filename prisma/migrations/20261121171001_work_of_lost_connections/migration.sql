-- Whoever has lost their connection is offline at once, gets their presence back with the connection, and after a while loses the
-- work that they have accepted (docs/decisions/0041). The version before this one sets them offline after two and a half minutes.
ALTER TABLE "agents" ADD COLUMN     "presence_before_loss" "presence",
ADD COLUMN     "work_leaves_at" TIMESTAMPTZ(3);
ALTER TABLE "presence_settings" ADD COLUMN     "reclaim_work_after_minutes" INTEGER DEFAULT 8;

-- Written by hand from here on.

CREATE INDEX agents_work_leaves ON agents (work_leaves_at, org_id) WHERE work_leaves_at IS NOT NULL;
