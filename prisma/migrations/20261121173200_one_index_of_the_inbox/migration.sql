-- What waits in the inbox had two indexes, each of which every callback was written to: one by the state, and one by a condition
-- that the statistics know (docs/decisions/0014), which what is quarantined fulfils as well. One by both is enough.
CREATE INDEX callbacks_waiting ON callbacks (org_id, seq) WHERE state = 'pending' AND processed_at IS NULL;
-- contracts: no release reads them
DROP INDEX callbacks_pending;
-- contracts: no release reads them
DROP INDEX callbacks_unworked;
