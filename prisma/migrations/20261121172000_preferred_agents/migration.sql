-- Preferred agents of a contact (docs/decisions/0042).
ALTER TABLE "contacts" ADD COLUMN "preferred_agent_ids" UUID[] DEFAULT ARRAY[]::UUID[];
ALTER TABLE "conversations" ADD COLUMN "preferred_agent_ids" UUID[] DEFAULT ARRAY[]::UUID[];
ALTER TABLE "routing_settings" ADD COLUMN "preferred_agents" TEXT NOT NULL DEFAULT 'off';

-- Written by hand from here on.

ALTER TABLE contacts ALTER preferred_agent_ids SET STATISTICS 0;
ALTER TABLE conversations ALTER preferred_agent_ids SET STATISTICS 0;
