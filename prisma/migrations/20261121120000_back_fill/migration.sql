-- AlterTable
ALTER TABLE "channel_accounts" ADD COLUMN     "backfill_attempts" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "backfill_due_at" TIMESTAMPTZ(3),
ADD COLUMN     "backfill_problem" TEXT,
ADD COLUMN     "backfilled_until" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "callbacks" ADD COLUMN     "recovered" BOOLEAN NOT NULL DEFAULT false;

-- Written by hand from here on.

CREATE INDEX channel_accounts_backfill_due ON channel_accounts (backfill_due_at, org_id)
  WHERE backfill_due_at IS NOT NULL AND deleted_at IS NULL;

-- A process that starts has all accounts looked through. Accounts that the previous version makes have no due time
-- until then.
GRANT UPDATE (backfill_due_at) ON channel_accounts TO parley_system;
