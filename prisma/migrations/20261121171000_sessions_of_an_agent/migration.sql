-- At most so many sessions at a time for each agent (docs/decisions/0040). The version before this one counts none: what it gives and
-- takes meanwhile is counted anew when the limit is set.
ALTER TABLE "agents" ADD COLUMN     "open_sessions" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "session_limit" INTEGER NOT NULL DEFAULT 10;
ALTER TABLE "presence_settings" ADD COLUMN     "sessions_per_agent" INTEGER NOT NULL DEFAULT 10;

-- Written by hand from here on.

ALTER TABLE agents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations NO FORCE ROW LEVEL SECURITY;
UPDATE agents a SET open_sessions = held.sessions
FROM (
  SELECT org_id, agent_id, count(*) AS sessions FROM conversations
  WHERE agent_id IS NOT NULL AND (held_units > 0 OR held_profile_ids <> '{}') GROUP BY org_id, agent_id
) held WHERE a.org_id = held.org_id AND a.id = held.agent_id;
ALTER TABLE agents FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;

-- Whoever has as many sessions as they may is full, whatever capacity they have left.
CREATE FUNCTION load_presence(used_units int, capacity_units int, profile_load smallint, open_sessions int, session_limit int)
  RETURNS presence LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = public
AS $$
  SELECT CASE WHEN open_sessions >= session_limit THEN 'do_not_disturb'::presence
    ELSE load_presence(used_units, capacity_units, profile_load) END
$$;
CREATE OR REPLACE FUNCTION follow_load() RETURNS trigger LANGUAGE plpgsql SET search_path = public
AS $$
DECLARE
  next presence := load_presence(NEW.used_units, NEW.capacity_units, NEW.profile_load, NEW.open_sessions, NEW.session_limit);
BEGIN
  NEW.presence_is_automatic := true;
  IF next <> NEW.presence THEN
    NEW.presence := next;
    NEW.presence_status_id := NULL;
    NEW.presence_changed_at := greatest(NEW.presence_changed_at, NEW.last_assigned_at, NEW.last_released_at);
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER agents_follow_load
  BEFORE UPDATE OF used_units, capacity_units, profile_load, open_sessions, session_limit ON agents FOR EACH ROW
  WHEN ((NEW.presence_is_automatic OR NEW.presence IN ('available', 'busy'))
    AND (OLD.used_units <> NEW.used_units OR OLD.profile_load IS DISTINCT FROM NEW.profile_load
      OR OLD.open_sessions <> NEW.open_sessions
      OR ((OLD.capacity_units <> NEW.capacity_units OR OLD.session_limit <> NEW.session_limit)
        AND NEW.presence_is_automatic)))
  EXECUTE FUNCTION follow_load();
