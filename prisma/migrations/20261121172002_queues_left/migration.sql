-- Which queues are known to have no members is asked by each pass of routing (docs/decisions/0032).
CREATE INDEX queues_without_members ON queues (org_id, id) WHERE without_members_since IS NOT NULL;
