/**
 * The rows of the data set: half a year of an installation, made by the database itself, from which `load-size.ts` copies
 * them. What is no longer kept after so long is not there either: callbacks end after 30 days, events after 25 hours.
 */
export interface CopiedTable {
  table: string
  /** Each column with the expression that makes it */
  columns: Readonly<Record<string, string>>
  from: string
}

const ids = `
CREATE FUNCTION pg_temp.id_of(kind int, at timestamptz, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
    || '8' || lpad(to_hex(number), 15, '0'))::uuid
$$;`

/**
 * Organizations with what a conversation needs. The first has a tenth of everything.
 * @param first an organization with an SMS number that is to be the first; null makes one
 */
export const prepareOrganizations = (organizations: number, conversations: number, first: string | null) => `
${ids}
CREATE TEMP TABLE size_moments AS SELECT date_trunc('second', clock_timestamp()) AS ended_at,
  date_trunc('second', clock_timestamp()) - interval '180 days' AS began_at;
CREATE TEMP TABLE size_organizations AS
  SELECT place, pg_temp.id_of(1, began_at, place) AS org_id, pg_temp.id_of(2, began_at, place) AS account_id,
    pg_temp.id_of(3, began_at, place) AS number_id, pg_temp.id_of(4, began_at, place) AS queue_id,
    pg_temp.id_of(5, began_at, place) AS workstream_id, '+1800' || (2000000 + place) AS business_number,
    CASE WHEN place = 0 THEN ${tenth(conversations)}
      ELSE (${conversations - tenth(conversations)}::bigint * place / ${organizations - 1}
        - ${conversations - tenth(conversations)}::bigint * (place - 1) / ${organizations - 1})::int END AS conversations
  FROM size_moments, generate_series(${first === null ? 0 : 1}, ${organizations - 1}) place;
INSERT INTO organizations (id, name, created_at, updated_at)
  SELECT org_id, 'Size ' || place, began_at, began_at FROM size_organizations, size_moments;
INSERT INTO queues (org_id, id, name, is_default, created_at, updated_at)
  SELECT org_id, queue_id, 'Default queue', true, began_at, began_at FROM size_organizations, size_moments;
INSERT INTO workstreams (org_id, id, name, channel, distribution, is_built_in, auto_close_after_minutes, fallback_queue_id,
    created_at, updated_at)
  SELECT org_id, workstream_id, 'SMS', 'sms', 'push', true, 1440, queue_id, began_at, began_at
  FROM size_organizations, size_moments;
INSERT INTO channel_accounts (org_id, id, name, channel, provider, provider_account_id, secret, secret_last_four,
    callback_token, created_at, updated_at)
  SELECT org_id, account_id, 'Twilio SMS', 'sms', 'twilio', 'AC' || md5(place::text), 'none', 'none', 'size-' || account_id,
    began_at, began_at FROM size_organizations, size_moments;
INSERT INTO channel_numbers (org_id, id, account_id, channel, address, messages_per_second, created_at, updated_at)
  SELECT org_id, number_id, account_id, 'sms', business_number, 1, began_at, began_at FROM size_organizations, size_moments;
${first === null ? '' : takeIn(first, tenth(conversations))}
INSERT INTO agents (org_id, id, name, email, role, capacity_units, session_limit, presence_changed_at, created_at, updated_at)
  SELECT org_id, pg_temp.id_of(6, began_at, place * ${agentsEach} + n), 'Agent ' || n, 'agent-' || n || '@size.example', 'agent',
    10000, 10000, began_at, began_at, began_at FROM size_organizations, size_moments, generate_series(0, ${agentsEach - 1}) n;
INSERT INTO queue_members (org_id, queue_id, agent_id, created_at)
  SELECT a.org_id, o.queue_id, a.id, a.created_at FROM size_organizations o JOIN agents a USING (org_id)
  WHERE a.email LIKE '%@size.example';
${conversationsView}
${messagesView}`

const takeIn = (organizationId: string, conversations: number): string => `
INSERT INTO size_organizations
  SELECT 0, n.org_id, n.account_id, n.id, q.id, w.id, n.address, ${conversations}
  FROM channel_numbers n JOIN queues q ON q.org_id = n.org_id AND q.is_default
  JOIN workstreams w ON w.org_id = n.org_id AND w.is_built_in AND w.channel = 'sms'
  WHERE n.org_id = '${organizationId}' AND n.channel = 'sms' ORDER BY n.id LIMIT 1;`

const agentsEach = 10
const messagesEach = 10

function tenth(conversations: number): number {
  return Math.floor(conversations / 10)
}

// Those of the organizations that are being copied. Of each organization's conversations the newest in every 25 are not closed; every customer came twice
const conversationsView = `
CREATE TEMP VIEW size_conversations AS
  SELECT o.*, k, o.place * 1000000::bigint + k AS number, pg_temp.id_of(7, created_at, o.place * 1000000::bigint + k) AS id,
    created_at, created_at + interval '9 minutes' AS last_message_at,
    k % (o.conversations / 2) AS customer, '+1206' || (2000000 + k % (o.conversations / 2)) AS customer_address,
    pg_temp.id_of(8, began_at, o.place * 1000000::bigint + k % (o.conversations / 2)) AS contact_id,
    CASE WHEN k < o.conversations - o.conversations / 25 THEN 'closed'
      ELSE (ARRAY['open', 'active', 'waiting', 'wrap_up'])[k % 4 + 1] END AS status,
    pg_temp.id_of(6, began_at, o.place * ${agentsEach} + k % ${agentsEach}) AS agent_id, began_at, ended_at
  FROM size_moments CROSS JOIN size_organizations o
  CROSS JOIN LATERAL generate_series(0, o.conversations - 1) k
  CROSS JOIN LATERAL (SELECT date_trunc('milliseconds',
    began_at + (ended_at - began_at - interval '1 hour') * ((k + 1.0)::float8 / o.conversations)) AS created_at) AS moment
  WHERE o.place BETWEEN current_setting('size.first')::int AND current_setting('size.last')::int;`

// OFFSET 0: what a conversation has is worked out once and not for each of its messages
const messagesView = `
CREATE TEMP VIEW size_messages AS
  SELECT c.org_id, c.id AS conversation_id, c.account_id, c.agent_id, c.customer_address, c.business_number, c.ended_at, c.queue_id,
    j % 2 = 0 AS is_inbound, c.created_at + j * interval '1 minute' AS created_at, c.number * ${messagesEach} + j AS number,
    pg_temp.id_of(9, c.created_at + j * interval '1 minute', c.number * ${messagesEach} + j) AS id,
    'SM' || md5((c.number * ${messagesEach} + j)::text) AS provider_message_id,
    CASE WHEN j % 2 = 0 THEN 'Where is my order ' || c.number || '? It was to come on the day before yesterday.'
      ELSE 'I have looked into it: order ' || c.number || ' has left our house and arrives tomorrow.' END AS text
  FROM (SELECT * FROM size_conversations OFFSET 0) c CROSS JOIN generate_series(0, ${messagesEach - 1}) j;`

// As Twilio posts it (callbacks.ts): with rows of another length the room that is left on their pages is another
const postedBody = `'ToCountry=US&ToState=WA&SmsMessageSid=' || m.provider_message_id || '&NumMedia=0&ToCity=SEATTLE&FromZip=98101&SmsSid='
  || m.provider_message_id || '&FromState=WA&SmsStatus=received&FromCity=SEATTLE&Body=' || replace(m.text, ' ', '+')
  || '&FromCountry=US&To=' || m.business_number || '&ToZip=98104&NumSegments=1&MessageSid=' || m.provider_message_id
  || '&AccountSid=AC' || replace(m.account_id::text, '-', '') || '&From=' || m.customer_address || '&ApiVersion=2010-04-01'`

const fromConversations = 'size_conversations c'
const inboundSince = (time: string) =>
  `size_messages m WHERE m.is_inbound AND m.created_at > m.ended_at - interval '${time}'`

// Each event is an entry of the outbox by itself, named by its position
const entry = '(SELECT position FROM relay) + m.number + 1'

/** In the order in which they may be copied. */
export const copiedTables: readonly CopiedTable[] = [
  {
    table: 'contacts',
    columns: {
      ...{ org_id: 'c.org_id', id: 'c.contact_id', name: `'Customer ' || c.customer` },
      ...{ mobile_phone: 'c.customer_address', created_at: 'c.began_at', updated_at: 'c.began_at' },
    },
    from: `${fromConversations} WHERE c.k < c.conversations / 2`,
  },
  {
    table: 'conversations',
    columns: {
      ...{ org_id: 'c.org_id', id: 'c.id', status: 'c.status', status_reason: `'size'`, channel: `'sms'` },
      ...{ provider: `'twilio'`, account_id: 'c.account_id', number_id: 'c.number_id' },
      ...{
        business_number: 'c.business_number',
        customer_address: 'c.customer_address',
        language: `'en-US'`,
      },
      ...{ contact_id: 'c.contact_id', authenticated: 'true', workstream_id: 'c.workstream_id' },
      ...{ queue_id: 'c.queue_id', queued_at: 'c.created_at' },
      agent_id: `CASE WHEN c.status <> 'open' THEN c.agent_id END`,
      accepted_at: `CASE WHEN c.status <> 'open' THEN c.created_at + interval '1 minute' END`,
      held_units: `CASE WHEN c.status IN ('active', 'wrap_up') THEN 1 ELSE 0 END`,
      ...{ first_text: `'Where is my order?'`, created_at: 'c.created_at' },
      ...{ status_updated_at: 'c.last_message_at', last_inbound_at: 'c.last_message_at' },
      last_message_at: 'c.last_message_at',
      active_at: `date_bin('10 minutes', c.last_message_at, '2000-01-01T00:00:00Z')`,
      closed_at: `CASE WHEN c.status = 'closed' THEN c.last_message_at + interval '10 minutes' END`,
      closes_at: `CASE WHEN c.status <> 'closed' THEN c.ended_at + interval '30 days' END`,
      due_at: `CASE WHEN c.status <> 'closed' THEN c.ended_at + interval '30 days' END`,
    },
    from: fromConversations,
  },
  {
    table: 'sessions',
    columns: {
      ...{ org_id: 'c.org_id', id: 'pg_temp.id_of(10, c.created_at, c.number)', conversation_id: 'c.id' },
      ...{ agent_id: 'c.agent_id', queue_id: 'c.queue_id', offered_at: 'c.created_at' },
      accepted_at: `c.created_at + interval '1 minute'`,
      closed_at: `CASE WHEN c.status IN ('closed', 'waiting') THEN c.last_message_at END`,
      created_at: 'c.created_at',
    },
    from: `${fromConversations} WHERE c.status <> 'open'`,
  },
  {
    table: 'messages',
    columns: {
      ...{ org_id: 'm.org_id', id: 'm.id', conversation_id: 'm.conversation_id', account_id: 'm.account_id' },
      ...{ direction: `CASE WHEN m.is_inbound THEN 'inbound' ELSE 'outbound' END`, kind: `'text'` },
      author_type: `CASE WHEN m.is_inbound THEN 'customer' ELSE 'agent' END`,
      author_id: 'CASE WHEN NOT m.is_inbound THEN m.agent_id END',
      text: 'm.text',
      status: `CASE WHEN m.is_inbound THEN 'received' ELSE 'delivered' END`,
      ...{ provider_message_id: 'm.provider_message_id', segments: '1', created_at: 'm.created_at' },
      sent_at: `CASE WHEN NOT m.is_inbound THEN m.created_at + interval '1 second' END`,
      delivered_at: `CASE WHEN NOT m.is_inbound THEN m.created_at + interval '3 seconds' END`,
    },
    from: 'size_messages m',
  },
  {
    table: 'callbacks',
    columns: {
      ...{ org_id: 'm.org_id', id: 'pg_temp.id_of(11, m.created_at, m.number)', account_id: 'm.account_id' },
      ...{ kind: `'message'`, provider_key: 'm.provider_message_id', lane: 'm.customer_address' },
      ...{
        url: `'https://messages.example.com/callbacks/twilio/size-' || m.account_id`,
        content_type: `'application/x-www-form-urlencoded'`,
        body: postedBody,
      },
      ...{ state: `'accepted'`, received_at: 'm.created_at', stored_at: 'm.created_at' },
    },
    from: inboundSince('29 days'),
  },
  {
    table: 'outbox',
    columns: {
      ...{ org_id: 'm.org_id', id: entry, events: '1', position: entry, at: 'm.created_at' },
    },
    from: inboundSince('24 hours'),
  },
  {
    table: 'events',
    columns: {
      ...{ org_id: 'm.org_id', entry, ordinal: '1', type: `'message.received'` },
      ...{ queue_id: 'm.queue_id', to_members: 'true', at: 'm.created_at' },
      data: `json_build_object('type', 'message.received', 'at', m.created_at, 'message',
        json_build_object('id', m.id, 'text', m.text, 'details', repeat('x', 800)))`,
    },
    from: inboundSince('24 hours'),
  },
]

/** What the rows that were copied make true of others. */
export const settleAccounts = `
UPDATE relay SET position = greatest(position, (SELECT coalesce(max(position), 0) FROM outbox));
SELECT setval('outbox_id_seq', (SELECT coalesce(max(id), 0) + 1 FROM outbox), false);
UPDATE agents a SET used_units = held.units, open_sessions = held.sessions FROM (
  SELECT org_id, agent_id, sum(held_units)::int AS units, count(*)::int AS sessions FROM conversations
  WHERE status IN ('active', 'wrap_up') AND org_id IN (SELECT org_id FROM size_organizations) GROUP BY 1, 2
) held WHERE a.org_id = held.org_id AND a.id = held.agent_id;`
