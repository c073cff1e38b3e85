-- Sending at each number's pace (docs/decisions/0020). The version before this one may go on working beside it.

-- When the number may send its next message. Changed with each message, so there is room on the page for it.
ALTER TABLE channel_numbers ADD COLUMN next_send_at timestamptz(3);
ALTER TABLE channel_numbers SET (fillfactor = 70);

-- The number whose line a queued message stands in. What the version before this one queues, and what it had queued and
-- is sent again, has none: it is filled in.
ALTER TABLE messages ADD COLUMN number_id uuid;
CREATE FUNCTION find_line() RETURNS trigger LANGUAGE plpgsql SET search_path = public
AS $$
BEGIN
  SELECT c.number_id INTO NEW.number_id FROM conversations c
    WHERE c.org_id = NEW.org_id AND c.id = NEW.conversation_id;
  RETURN NEW;
END $$;
CREATE TRIGGER messages_find_line BEFORE INSERT OR UPDATE OF status ON messages
  FOR EACH ROW WHEN (NEW.status = 'queued' AND NEW.number_id IS NULL) EXECUTE FUNCTION find_line();
-- The owner is bound by row-level security too, but for this moment.
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations NO FORCE ROW LEVEL SECURITY;
UPDATE messages SET status = status WHERE status IN ('queued');
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE conversations FORCE ROW LEVEL SECURITY;

-- The lines: numbers that have something to send are found one by one, and the first of each at once.
CREATE INDEX messages_in_line ON messages (org_id, number_id, due_at, seq) WHERE status IN ('queued');
-- The calls under way of each account.
CREATE INDEX messages_sending ON messages (org_id, account_id, due_at) WHERE status IN ('sending');

-- A message behind another one of its conversation that has not left yet is not due: a look at what is due must not read
-- what cannot be sent. The lock makes it certain that whoever finishes the one before it finds this one behind it.
CREATE FUNCTION stand_in_line() RETURNS trigger LANGUAGE plpgsql SET search_path = public
AS $$
BEGIN
  PERFORM FROM messages before
    WHERE before.org_id = NEW.org_id AND before.conversation_id = NEW.conversation_id AND before.status IN ('queued', 'sending')
    ORDER BY before.seq DESC LIMIT 1 FOR SHARE;
  IF FOUND THEN NEW.due_at := NULL; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER messages_stand_in_line BEFORE INSERT ON messages
  FOR EACH ROW WHEN (NEW.status = 'queued') EXECUTE FUNCTION stand_in_line();

-- The next one of the conversation becomes due, as long ago as it was queued.
CREATE FUNCTION call_next_in_line() RETURNS trigger LANGUAGE plpgsql SET search_path = public
AS $$
BEGIN
  UPDATE messages next SET due_at = next.created_at
  WHERE next.org_id = NEW.org_id AND next.due_at IS NULL AND next.id = (
    SELECT first.id FROM messages first
    WHERE first.org_id = NEW.org_id AND first.conversation_id = NEW.conversation_id AND first.status IN ('queued', 'sending')
    ORDER BY first.seq LIMIT 1);
  RETURN NULL;
END $$;
CREATE TRIGGER messages_call_next_in_line AFTER UPDATE OF status ON messages
  FOR EACH ROW WHEN (OLD.status IN ('queued', 'sending') AND NEW.status NOT IN ('queued', 'sending'))
  EXECUTE FUNCTION call_next_in_line();
