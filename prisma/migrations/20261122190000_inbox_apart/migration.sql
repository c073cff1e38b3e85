-- What waits to be worked has a table of its own, the inbox, whose rows are small and gone when they are done. Callbacks, which are
-- large and kept for a month, are written once and not written anew when they are worked: rows that end everywhere in a large
-- table leave room everywhere, and what comes next is written all over it (docs/decisions/0044).
CREATE TABLE "inbox" (
    "org_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "callback_id" UUID NOT NULL,
    "lane" TEXT NOT NULL,
    "stored_at" TIMESTAMPTZ(3) NOT NULL,
    "due_at" TIMESTAMPTZ(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "is_doubtful" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "inbox_pkey" PRIMARY KEY ("org_id","seq")
);

-- Written by hand from here on.

ALTER TABLE callbacks NO FORCE ROW LEVEL SECURITY;
INSERT INTO inbox (org_id, seq, callback_id, lane, stored_at, due_at, attempts, is_doubtful)
  SELECT org_id, seq, id, lane, received_at, due_at, attempts, reason IS NOT NULL FROM callbacks WHERE state = 'pending';

-- contracts: no release calls it
DROP FUNCTION store_callbacks(jsonb);
-- contracts: no release calls it
DROP FUNCTION store_callbacks(uuid[], uuid[], int[], uuid[], callback_kind[], text[], text[], text[], text[], text[], timestamptz[]);
-- contracts: no release reads by them
DROP INDEX callbacks_once, callbacks_quarantined_once, callbacks_postponed, callbacks_done, callbacks_kept, callbacks_waiting;

-- contracts: no release knows it
ALTER TYPE callback_state RENAME TO callback_state_before;
CREATE TYPE callback_state AS ENUM ('accepted', 'set_aside', 'quarantined');
-- contracts: no release reads them
ALTER TABLE callbacks
  ALTER state TYPE callback_state
    USING (CASE WHEN state IN ('pending', 'done') THEN 'accepted' ELSE state::text END)::callback_state,
  ALTER reason TYPE text USING CASE WHEN state IN ('pending', 'done') THEN NULL ELSE reason END,
  ALTER attempts TYPE integer USING CASE WHEN state IN ('pending', 'done') THEN 0 ELSE attempts END,
  DROP COLUMN processed_at;
-- contracts: no release knows it
DROP TYPE callback_state_before;
-- contracts: no release reads it by this name
ALTER TABLE callbacks RENAME COLUMN due_at TO stored_at;
ALTER TABLE callbacks FORCE ROW LEVEL SECURITY;

-- contracts: no release writes them; the same rows are refused as before
CREATE UNIQUE INDEX callbacks_once ON callbacks (org_id, account_id, provider_key, kind) WHERE state IN ('accepted', 'set_aside');
-- contracts: as above
CREATE UNIQUE INDEX callbacks_quarantined_once ON callbacks (org_id, account_id, provider_key) WHERE state = 'quarantined';
CREATE INDEX callbacks_kept ON callbacks (org_id, id) WHERE state IN ('quarantined', 'set_aside');
CREATE INDEX callbacks_stored ON callbacks (stored_at) WHERE state = 'accepted';
-- A callback that was postponed holds up the later ones of its lane.
CREATE INDEX inbox_postponed ON inbox (org_id, lane, seq) WHERE attempts > 0;
-- Of a table that was never analyzed PostgreSQL believes that all of an organization is little, and sorts it in the place of reading
-- the first of it.
ANALYZE inbox;

ALTER TABLE inbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE inbox FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON inbox TO parley_app USING (org_id = app_org_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON inbox TO parley_app;
CREATE POLICY across_organizations ON inbox TO parley_system USING (true);
GRANT SELECT, INSERT ON inbox TO parley_system;

-- Stores the callbacks of one moment with one commit and answers those that were not stored, which are few. A row whose account has
-- changed since it was verified is not stored: the service verifies it again. Numbered in the order in which they came, but written
-- in the order of their key, so that two of these never wait for each other.
CREATE FUNCTION store_callbacks(org_ids uuid[], account_ids uuid[], versions int[], ids uuid[], kinds callback_kind[],
    keys text[], lanes text[], urls text[], content_types text[], bodies text[], times timestamptz[])
  RETURNS TABLE (id uuid, outcome text)
  LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public
AS $$
  WITH posted AS MATERIALIZED (
    SELECT * FROM unnest(org_ids, account_ids, versions, ids, kinds, keys, lanes, urls, content_types, bodies, times)
      WITH ORDINALITY AS p(org_id, account_id, version, id, kind, key, lane, url, content_type, body, received_at, ordinal)
  ), verified AS MATERIALIZED (
    SELECT p.*, nextval('callbacks_seq_seq') AS seq FROM (SELECT * FROM posted ORDER BY ordinal) p JOIN channel_accounts a
      ON a.org_id = p.org_id AND a.id = p.account_id AND a.version = p.version AND a.deleted_at IS NULL
  ), stored AS (
    INSERT INTO callbacks (org_id, id, seq, account_id, kind, provider_key, lane, url, content_type, body, state, received_at, stored_at)
    SELECT org_id, id, seq, account_id, kind, key, lane, url, content_type, body, 'accepted', received_at, received_at
    FROM verified ORDER BY org_id, account_id, kind, key, ordinal
    ON CONFLICT (org_id, account_id, provider_key, kind) WHERE state IN ('accepted', 'set_aside') DO NOTHING
    RETURNING callbacks.org_id, callbacks.seq, callbacks.id, callbacks.lane, callbacks.stored_at
  ), waiting AS (
    INSERT INTO inbox (org_id, seq, callback_id, lane, stored_at, due_at)
    SELECT org_id, seq, id, lane, stored_at, stored_at FROM stored
  )
  SELECT p.id, CASE WHEN v.id IS NULL THEN 'stale' ELSE 'duplicate' END
  FROM posted p LEFT JOIN verified v ON v.id = p.id LEFT JOIN stored s ON s.id = p.id WHERE s.id IS NULL
$$;

GRANT CREATE ON SCHEMA public TO parley_system;
ALTER FUNCTION store_callbacks(uuid[], uuid[], int[], uuid[], callback_kind[], text[], text[], text[], text[], text[], timestamptz[])
  OWNER TO parley_system;
REVOKE CREATE ON SCHEMA public FROM parley_system;
REVOKE EXECUTE ON FUNCTION store_callbacks(uuid[], uuid[], int[], uuid[], callback_kind[], text[], text[], text[], text[], text[], timestamptz[])
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION store_callbacks(uuid[], uuid[], int[], uuid[], callback_kind[], text[], text[], text[], text[], text[], timestamptz[])
  TO parley_app;
