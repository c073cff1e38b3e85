-- Gives what is being written its position at once, so that it is published by its own commit (docs/decisions/0005). Null where somebody
-- else publishes, or where something waits to be published, which goes first. The lock on relay's row ends with the commit: positions
-- become visible in their order.
CREATE FUNCTION take_position(more int) RETURNS bigint
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public
AS $$
DECLARE
  taken bigint;
BEGIN
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
-- It runs with the rights of parley_system, which needs CREATE on the schema for the moment of the change.
GRANT CREATE ON SCHEMA public TO parley_system;
ALTER FUNCTION take_position(int) OWNER TO parley_system;
REVOKE CREATE ON SCHEMA public FROM parley_system;
REVOKE EXECUTE ON FUNCTION take_position(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION take_position(int) TO parley_app;
