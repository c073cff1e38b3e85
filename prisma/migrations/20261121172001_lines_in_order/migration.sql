-- The lines of a queue, as conversations_lines had them, but so that row-level security lets the step from line to line be a look-up:
-- PostgreSQL takes CASE for leakproof and COALESCE not, and read a line to its end to find the next (docs/decisions/0014, 0030).
CREATE INDEX conversations_in_line ON conversations (org_id, queue_id, (CASE WHEN demand IS NULL THEN workstream_id ELSE demand END),
  (CASE WHEN is_returning THEN 0 ELSE priority END), queued_at, id)
  WHERE status = 'open' AND queue_id IS NOT NULL AND parked_reason IS NULL;
-- contracts: no release reads it, and the version before this one finds its lines by the queue without it
DROP INDEX conversations_lines;
