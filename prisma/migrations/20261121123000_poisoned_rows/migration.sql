-- Messages whose outcome a person must decide: few among the many.
CREATE INDEX messages_unknown ON messages (org_id, id) WHERE status = 'unknown';

-- As publish_events, for events that are named: where one makes a batch fail, the others are published without it.
CREATE FUNCTION publish_these(numbers bigint[])
  RETURNS TABLE ("orgId" uuid, type text, "hasMedia" boolean)
  LANGUAGE plpgsql VOLATILE SET search_path = public
AS $$
DECLARE
  base bigint;
BEGIN
  SELECT r.position INTO base FROM relay r FOR UPDATE;
  RETURN QUERY
    WITH batch AS (
      SELECT e.org_id, e.id, row_number() OVER (ORDER BY e.seq) AS n FROM events e
      WHERE e.position IS NULL AND e.seq = ANY (numbers)
    ), counted AS (
      UPDATE relay r SET position = base + (SELECT count(*) FROM batch) WHERE EXISTS (SELECT 1 FROM batch)
    )
    UPDATE events e SET position = base + batch.n FROM batch WHERE e.org_id = batch.org_id AND e.id = batch.id
    RETURNING e.org_id, e.type, jsonb_array_length(coalesce(e.data->'message'->'media', '[]')) > 0;
END $$;
REVOKE EXECUTE ON FUNCTION publish_these(bigint[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION publish_these(bigint[]) TO parley_system;
