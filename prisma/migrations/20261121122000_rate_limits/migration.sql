-- How many calls a minute the operator allows an organization, and each of its keys; null: the default of the service.
ALTER TABLE organizations
  ADD COLUMN requests_per_minute int CHECK (requests_per_minute BETWEEN 1 AND 1000000),
  ADD COLUMN requests_per_minute_per_key int CHECK (requests_per_minute_per_key BETWEEN 1 AND 1000000);

-- Takes the place of find_access_key, which the previous version goes on calling: the type that a function answers
-- cannot change.
CREATE FUNCTION find_caller(key_hash text, at timestamptz)
  RETURNS TABLE ("orgId" uuid, id uuid, role role, permissions text[], "agentId" uuid, "agentName" text,
                 "isSuspended" boolean, "requestsPerMinute" int, "requestsPerMinutePerKey" int)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
AS $$
  SELECT k.org_id, k.id, k.role, k.permissions, k.agent_id, a.name, o.suspended_at IS NOT NULL,
    o.requests_per_minute, o.requests_per_minute_per_key
  FROM access_keys k JOIN organizations o ON o.id = k.org_id LEFT JOIN agents a ON a.org_id = k.org_id AND a.id = k.agent_id
  WHERE k.hash = key_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > at)
$$;
GRANT CREATE ON SCHEMA public TO parley_system;
ALTER FUNCTION find_caller(text, timestamptz) OWNER TO parley_system;
REVOKE CREATE ON SCHEMA public FROM parley_system;
REVOKE EXECUTE ON FUNCTION find_caller(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_caller(text, timestamptz) TO parley_app;
