import type { ReplyDesk } from './reply.js'
import type { TestService } from './service.js'
import { runSql } from './sql.js'

/** How many messages to customers of this number have left, as the database has it; and how many are with the provider. */
export interface SendCounts {
  queued: number
  sending: number
  sent: number
}

/** The last seven digits of the phone of a customer whom nobody else has */
let lastCustomer = 2_000_000

/**
 * Queues answers in so many conversations like the desk's, as if the agent had sent them just now: thousands would
 * take long through the API. Nobody is woken.
 */
export async function queueReplies(
  service: Pick<TestService, 'databaseUrl'>,
  desk: Pick<ReplyDesk, 'id'>,
  { conversations, each = 1, at = new Date() }: { conversations: number; each?: number; at?: Date },
): Promise<void> {
  await runSql(
    service,
    `WITH copies AS (
       INSERT INTO conversations SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(), 'held_units', 0,
         'customer_address', '+1312' || ($5::int + n)))).*
       FROM conversations c, generate_series(1, $2::int) n WHERE c.id = $1 RETURNING *)
     INSERT INTO messages (org_id, id, conversation_id, account_id, number_id, direction, kind, author_type, text, status,
       created_at, due_at)
     SELECT org_id, gen_random_uuid(), id, account_id, number_id, 'outbound', 'text', 'agent', 'Queued ' || n, 'queued', $4, $4
     FROM copies, generate_series(1, $3::int) n`,
    [desk.id, conversations, each, at, lastCustomer],
  )
  lastCustomer += conversations
}

/** What became of the messages that this desk's number has sent. */
export async function countSends(
  service: TestService,
  { number }: Pick<ReplyDesk, 'number'>,
): Promise<SendCounts> {
  const [row] = await runSql<SendCounts>(
    service,
    `SELECT count(*) FILTER (WHERE m.status = 'queued')::int AS queued,
       count(*) FILTER (WHERE m.status = 'sending')::int AS sending,
       count(*) FILTER (WHERE m.status NOT IN ('queued', 'sending'))::int AS sent
     FROM messages m JOIN conversations c ON c.org_id = m.org_id AND c.id = m.conversation_id
     WHERE m.direction = 'outbound' AND c.number_id = $1`,
    [number.id],
  )
  if (!row) throw new Error('A count has a row')
  return row
}
