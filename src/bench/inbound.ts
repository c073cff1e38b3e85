import { apiClient, inParallel } from './api-client.js'
import { type CallbackTarget, type Senders, senderAt } from './callbacks.js'
import type { FloodResult } from './flood.js'
import { createAccount, createOrganization, type Organization } from './organization.js'
import { until } from './processes.js'
import type { Stage } from './stage.js'

/** An organization that customers write to. */
export interface Inbound {
  organization: Organization
  target: CallbackTarget
  /** Customers of whom each has a contact and a conversation */
  known: Senders
  /** So many customers who never wrote before */
  fresh(count: number): Senders
}

// Twice what shares a commit: with fewer the callbacks wait for each other's commit, and the service for callbacks
export const connections = 96
const knownSenders = 1000

/** Makes the organization, its contacts and their conversations, and lets the service warm up by it. */
export async function prepareInbound(stage: Stage): Promise<Inbound> {
  stage.say('Preparing an organization, 1,000 contacts and their conversations …')
  const { service, simulator } = stage
  const organization = await createOrganization(service, 'Bench inbound')
  const number = '+12065550100'
  const [target] = await createAccount(organization, simulator, { name: 'Twilio SMS', numbers: [number] })
  if (!target) throw new Error('There is no number.')
  const known: Senders = { kind: 'known', count: knownSenders }
  const admin = apiClient(service.url, organization.adminKey)
  await inParallel(
    Array.from({ length: knownSenders }, (_, index) => senderAt(known, index)),
    (mobilePhone) => admin.post('/v1/contacts', { name: `Customer ${mobilePhone.slice(-4)}`, mobilePhone }),
  )
  let used = 0
  const fresh = (count: number): Senders => {
    used += count
    return { kind: 'new', first: used - count }
  }
  const inbound = { organization, target, known, fresh }
  for (const senders of [known, fresh(knownSenders), known]) {
    await post(stage, inbound, { senders, count: knownSenders })
    await stage.settle()
  }
  return inbound
}

/** Posts callbacks as fast as the service acknowledges them. */
export function post(
  { load, service }: Stage,
  { target }: Inbound,
  { senders, count, seconds = null }: { senders: Senders; count: number; seconds?: number | null },
): Promise<FloodResult> {
  return load.run('callbacks', { port: service.port, connections, target, senders, count, seconds })
}

/**
 * Posts so many callbacks and waits until each is a message in a conversation.
 * @returns messages per second from the first callback to the last attached, and callbacks acknowledged per second
 */
export async function attach(
  stage: Stage,
  inbound: Inbound,
  { senders, count }: { senders: Senders; count: number },
): Promise<{ attached: number; acknowledged: number }> {
  const before = await countAttached(stage, inbound)
  const { answered, seconds, startedAt } = await post(stage, inbound, { senders, count })
  await until(`${count} messages are attached`, 300, async () => !(await hasPending(stage, inbound)))
  const took = (performance.timeOrigin + performance.now() - startedAt) / 1000
  const attached = (await countAttached(stage, inbound)) - before
  if (attached !== count)
    throw new Error(`${count} callbacks were acknowledged, ${attached} became messages.`)
  await stage.settle()
  return { attached: count / took, acknowledged: answered / seconds }
}

/** Looked for from the newest on: what is done is in the index for a while, and to go through that would slow the rest. */
async function hasPending({ database }: Stage, { organization }: Inbound): Promise<boolean> {
  const { rows } = await database.query(`SELECT 1 FROM inbox WHERE org_id = $1 ORDER BY seq DESC LIMIT 1`, [
    organization.id,
  ])
  return rows.length > 0
}

async function countAttached({ database }: Stage, { organization }: Inbound): Promise<number> {
  const found = await database.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM messages WHERE org_id = $1 AND direction = 'inbound'`,
    [organization.id],
  )
  return found.rows[0]?.count ?? 0
}
