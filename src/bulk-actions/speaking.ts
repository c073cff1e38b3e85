import { assertCanSee } from '../conversations/access.js'
import { hearers } from '../conversations/record.js'
import { lockConversation } from '../conversations/repository.js'
import { type ConversationService, refuseStep } from '../conversations/service.js'
import { assertPermitted } from '../conversations/supervision-settings-repository.js'
import type { OrgTx } from '../db/database.js'
import type { BulkAction } from '../db/generated/client.js'
import { emit } from '../events/outbox.js'
import { AppError, notFound } from '../lib/errors.js'
import { writeToCustomer } from '../messages/compose-reply.js'
import { lockToSend } from '../messages/send-gate.js'

/** What somebody says in a conversation of others. */
interface Spoken {
  conversationId: string
  person: Pick<BulkAction, 'role' | 'agentId' | 'authorName'>
  text: string
  now: Date
}

/** An open one waits for the customer from then on; one that is worked on or waits stays as it is. */
export async function messageCustomer(
  tx: OrgTx,
  conversations: ConversationService,
  { conversationId, person, text, now }: Spoken,
): Promise<void> {
  const row = (await lockToSend(tx, [conversationId])).get(conversationId)
  if (!row) throw notFound('conversation')
  await assertCanSee(tx, person, row)
  await assertPermitted(tx, person, 'monitor')
  const by = { type: 'supervisor', id: person.agentId } as const
  const [change] = await conversations.changeAll(tx, [row], { type: 'messaged', by }, now)
  if (!change) throw refuseStep(row, 'message')
  const written = { authorId: person.agentId, authorName: person.authorName, text }
  await writeToCustomer(tx, { ...row, ...change.after }, written, now)
}

/** Whoever has it or takes part in it hears it; the customer never does. */
export async function notifyAgents(
  tx: OrgTx,
  conversations: ConversationService,
  { conversationId, person, text, now }: Spoken,
): Promise<void> {
  const row = await lockConversation(tx, conversationId)
  await assertCanSee(tx, person, row)
  await assertPermitted(tx, person, 'monitor')
  if (row.status === 'closed') throw refuseStep(row, 'notify')
  const agentIds = hearers(row)
  if (agentIds.length === 0) throw new AppError('conflict', 'Nobody takes part in this conversation.')
  const notification = { text, by: { agentId: person.agentId, name: person.authorName } }
  const data = { conversation: await conversations.show(tx, row), notification }
  emit(tx, [{ type: 'agent.notified', at: now, queueId: row.queueId, agentIds, data }])
}
