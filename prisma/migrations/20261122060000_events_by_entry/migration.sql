-- Positions are given to what was written at once and not to each event of it (docs/decisions/0005): a batch of messages writes one
-- row anew when it is published, where it wrote every event with its data and three of its indexes.
CREATE TABLE "outbox" (
    "org_id" UUID NOT NULL,
    "id" BIGSERIAL NOT NULL,
    "events" INTEGER NOT NULL,
    "position" BIGINT,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "outbox_pkey" PRIMARY KEY ("org_id","id")
);

-- Written by hand from here on.

-- Every event that is there is an entry of its own.
ALTER TABLE events NO FORCE ROW LEVEL SECURITY;
INSERT INTO outbox (org_id, id, events, position, at) SELECT org_id, seq, 1, position, at FROM events;
SELECT setval(pg_get_serial_sequence('outbox', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM outbox), false);

-- contracts: no release reads it by this name
ALTER TABLE events RENAME COLUMN seq TO entry;
-- contracts: no release reads what is dropped here
ALTER TABLE events
  ALTER entry DROP DEFAULT,
  ADD COLUMN ordinal INTEGER NOT NULL DEFAULT 1,
  DROP COLUMN position,
  DROP CONSTRAINT events_pkey,
  DROP COLUMN id,
  DROP CONSTRAINT events_org_id_fkey,
  -- As it was written: nobody looks into it
  ALTER data TYPE json USING data::json;
-- contracts: as above
ALTER TABLE events ALTER ordinal DROP DEFAULT;
-- contracts: the default was its only use
DROP SEQUENCE events_seq_seq;
ALTER TABLE events FORCE ROW LEVEL SECURITY;

ALTER TABLE outbox ADD FOREIGN KEY (org_id) REFERENCES organizations (id);
ALTER TABLE events ADD PRIMARY KEY (org_id, entry, ordinal);
ALTER TABLE events ADD FOREIGN KEY (org_id, entry) REFERENCES outbox (org_id, id) ON DELETE CASCADE;

CREATE UNIQUE INDEX outbox_position ON outbox (position) WHERE position IS NOT NULL;
CREATE INDEX outbox_of_organization ON outbox (org_id, position) WHERE position IS NOT NULL;
CREATE INDEX outbox_unpublished ON outbox (id) WHERE position IS NULL;

ALTER TABLE outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY own_organization ON outbox TO parley_app USING (org_id = app_org_id());
GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO parley_app;
GRANT USAGE ON SEQUENCE outbox_id_seq TO parley_app;
CREATE POLICY across_organizations ON outbox TO parley_system USING (true);
GRANT SELECT, DELETE ON outbox TO parley_system;
GRANT UPDATE (position) ON outbox TO parley_system;
-- contracts: events go with their entry
REVOKE DELETE ON events FROM parley_system;

-- contracts: no release calls it
DROP FUNCTION publish_events(int);
-- contracts: no release calls it
DROP FUNCTION publish_events(int, boolean);
-- contracts: no release calls it
DROP FUNCTION publish_these(bigint[]);

-- Gives entries their positions and answers their events as streams send them, with their data only where somebody listens. The lock on
-- relay's row keeps publication to one process at a time; each statement of a function sees what was committed before it
-- began, so what the process before us has published is not seen as unpublished.
CREATE FUNCTION publish_these(numbers bigint[], with_data boolean)
  RETURNS TABLE ("orgId" uuid, "position" bigint, type text, "queueId" uuid, "toMembers" boolean, "agentIds" text[], data text)
  LANGUAGE plpgsql VOLATILE SET search_path = public
AS $$
#variable_conflict use_column
DECLARE
  base bigint;
BEGIN
  SELECT r.position INTO base FROM relay r FOR UPDATE;
  RETURN QUERY
    WITH batch AS (
      SELECT o.org_id, o.id, sum(o.events) OVER (ORDER BY o.id) AS upto FROM outbox o
      WHERE o.position IS NULL AND o.id = ANY (numbers)
    ), counted AS (
      UPDATE relay r SET position = base + (SELECT max(upto) FROM batch) WHERE EXISTS (SELECT 1 FROM batch)
    ), published AS (
      UPDATE outbox o SET position = base + b.upto FROM batch b WHERE o.org_id = b.org_id AND o.id = b.id
      RETURNING o.org_id, o.id, o.position, o.events
    )
    SELECT e.org_id, p.position - p.events + e.ordinal, e.type, e.queue_id, e.to_members, e.agent_ids::text[],
      CASE WHEN with_data THEN e.data::text END
    FROM published p JOIN events e ON e.org_id = p.org_id AND e.entry = p.id;
END $$;
-- The next entries that have so many events together; at least one entry.
CREATE FUNCTION publish_events(batch_size int, with_data boolean)
  RETURNS TABLE ("orgId" uuid, "position" bigint, type text, "queueId" uuid, "toMembers" boolean, "agentIds" text[], data text)
  LANGUAGE plpgsql VOLATILE SET search_path = public
AS $$
DECLARE
  numbers bigint[];
BEGIN
  PERFORM FROM relay FOR UPDATE;
  SELECT array_agg(next.id) INTO numbers
  FROM (
    SELECT o.id, sum(o.events) OVER (ORDER BY o.id) - o.events AS before
    FROM (SELECT id, events FROM outbox WHERE outbox.position IS NULL ORDER BY id LIMIT batch_size) o
  ) next
  WHERE next.before < batch_size;
  IF numbers IS NOT NULL THEN
    RETURN QUERY SELECT * FROM publish_these(numbers, with_data);
  END IF;
END $$;
REVOKE EXECUTE ON FUNCTION publish_these(bigint[], boolean), publish_events(int, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION publish_these(bigint[], boolean), publish_events(int, boolean) TO parley_system;
