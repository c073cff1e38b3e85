-- One writer at a time looks whether something waits to be published: while the oldest snapshot is held (a dump), dead entries of the index pile up,
-- and the look reads them all. Who finds something leaves relay's lock to the relay. Only what is short is published by its own
-- commit, for it holds the lock while it writes (docs/decisions/0005).
CREATE OR REPLACE FUNCTION take_position(more int) RETURNS bigint
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
  taken bigint;
BEGIN
  IF more NOT BETWEEN 1 AND 100 OR NOT pg_try_advisory_xact_lock('outbox'::regclass::oid::int, 0) THEN
    RETURN NULL;
  END IF;
  IF EXISTS (SELECT FROM outbox WHERE position IS NULL) THEN
    RETURN NULL;
  END IF;
  PERFORM FROM relay FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  UPDATE relay SET position = position + more RETURNING position INTO taken;
  RETURN taken;
END $$;

-- As before, and where nothing waits it takes no lock, which would keep writers from publishing.
CREATE OR REPLACE FUNCTION publish_events(batch_size int, with_data boolean)
  RETURNS TABLE ("orgId" uuid, "position" bigint, type text, "queueId" uuid, "toMembers" boolean, "agentIds" text[], data text)
  LANGUAGE plpgsql VOLATILE SET search_path = public
AS $$
DECLARE
  numbers bigint[];
BEGIN
  IF NOT EXISTS (SELECT FROM outbox WHERE outbox.position IS NULL) THEN
    RETURN;
  END IF;
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
