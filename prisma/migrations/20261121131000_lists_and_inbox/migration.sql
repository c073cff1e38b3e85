-- Lists that hold closed conversations grow for ever: each order of each has its index. What is open is found among
-- what is not closed, which is few.
CREATE INDEX "conversations_org_id_queue_id_active_at_idx" ON "conversations"("org_id", "queue_id", "active_at");
CREATE INDEX "conversations_org_id_workstream_id_active_at_idx" ON "conversations"("org_id", "workstream_id", "active_at");

-- Written by hand from here on.

CREATE INDEX conversations_of_agent ON conversations (org_id, agent_id, id) WHERE agent_id IS NOT NULL;
CREATE INDEX conversations_of_agent_active ON conversations (org_id, agent_id, active_at) WHERE agent_id IS NOT NULL;
CREATE INDEX conversations_not_closed_active ON conversations (org_id, active_at)
  WHERE status IN ('open', 'active', 'waiting', 'wrap_up');
-- What is not closed is the few among the many of a queue.
CREATE INDEX conversations_in_queue ON conversations (org_id, queue_id, id)
  WHERE status IN ('open', 'active', 'waiting', 'wrap_up');
CREATE INDEX conversations_in_queue_active ON conversations (org_id, queue_id, active_at)
  WHERE status IN ('open', 'active', 'waiting', 'wrap_up');

-- What is to be worked, by a condition that the statistics know (docs/decisions/0014): by the state alone the inbox was
-- now and then looked for among all callbacks of the organization.
CREATE INDEX callbacks_unworked ON callbacks (org_id, seq) WHERE processed_at IS NULL;
CREATE INDEX organizations_suspended ON organizations (id) WHERE suspended_at IS NOT NULL;
-- Who could take something is looked for every second.
CREATE INDEX agents_available ON agents (org_id, id) WHERE presence IN ('available');
