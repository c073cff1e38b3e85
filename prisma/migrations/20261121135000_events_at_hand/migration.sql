-- As publish_events, and answers the events as the streams of the publishing process send them, so that they need not be
-- read again: with their data only where somebody listens. publish_events stays for the version before.
CREATE FUNCTION publish_events(batch_size int, with_data boolean)
  RETURNS TABLE ("orgId" uuid, "position" bigint, type text, "queueId" uuid, "toMembers" boolean, "agentIds" text[], data text, "hasMedia" boolean)
  LANGUAGE plpgsql VOLATILE SET search_path = public
AS $$
#variable_conflict use_column
DECLARE
  base bigint;
BEGIN
  SELECT r.position INTO base FROM relay r FOR UPDATE;
  RETURN QUERY
    WITH batch AS (
      SELECT e.org_id, e.id, row_number() OVER (ORDER BY e.seq) AS n FROM events e
      WHERE e.position IS NULL ORDER BY e.seq LIMIT batch_size
    ), counted AS (
      UPDATE relay r SET position = base + (SELECT count(*) FROM batch) WHERE EXISTS (SELECT 1 FROM batch)
    )
    UPDATE events e SET position = base + batch.n FROM batch WHERE e.org_id = batch.org_id AND e.id = batch.id
    RETURNING e.org_id, e.position, e.type, e.queue_id, e.to_members, e.agent_ids::text[],
      CASE WHEN with_data THEN e.data::text END, jsonb_array_length(coalesce(e.data->'message'->'media', '[]')) > 0;
END $$;
REVOKE EXECUTE ON FUNCTION publish_events(int, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION publish_events(int, boolean) TO parley_system;
