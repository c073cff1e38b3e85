-- Autovacuum looks at a table once a minute. Until then PostgreSQL believes that a new one has hardly a row, and plans that are
-- made meanwhile read all of an organization for each row that they look up (docs/decisions/0014). One table at a time, and
-- only the first time: from then on autovacuum does it as the table grows.
CREATE FUNCTION analyze_new_table()
  RETURNS text
  LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog
AS $$
DECLARE
  found text;
BEGIN
  SELECT c.relname INTO found FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.reltuples < 0
    AND pg_relation_size(c.oid) > current_setting('block_size')::int
  ORDER BY c.relname LIMIT 1;
  IF found IS NOT NULL THEN
    EXECUTE format('ANALYZE public.%I', found);
  END IF;
  RETURN found;
END
$$;
REVOKE EXECUTE ON FUNCTION analyze_new_table() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION analyze_new_table() TO parley_system;
