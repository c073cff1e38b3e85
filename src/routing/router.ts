import { type ConversationChange, changeConversation, type WorkTerms } from '../conversations/change.js'
import { recordChanges } from '../conversations/record.js'
import { findTerms, lockConversations } from '../conversations/repository.js'
import { termsOf } from '../conversations/service.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import { updateRows } from '../db/rows.js'
import { emit } from '../events/outbox.js'
import type { Logger } from '../lib/logger.js'
import { waitingMinutes } from '../workstreams/overflow.js'
import type { QueueState } from './choose-queue.js'
import { type Decision, decide, factsOf, type Plan } from './decide.js'
import { demandIdOf } from './demand.js'
import { findQueueStates, noteEmptyQueues } from './queue-state-repository.js'
import { type Routed, routedBy } from './record.js'
import { saveRouted } from './record-repository.js'
import { type ContactFacts, findContactFacts, findPlans, findUnrouted } from './repository.js'
import { defaultSettings, findRoutingSettings, type RoutingSettings } from './settings-repository.js'

interface Led {
  change: ConversationChange
  decision: Decision
  routed: Routed | null
  /** Whether routing has written down more of it than its queue */
  isMarked: boolean
}

interface Circumstances {
  plans: Map<string, Plan>
  terms: Map<string, WorkTerms>
  contacts: Map<string, ContactFacts>
  queues: Map<string, QueueState>
  settings: RoutingSettings
  now: Date
}

/** Puts conversations that have no queue yet into one, and answers how many. */
export async function routeBatch(
  tx: OrgTx,
  take: Take,
  { now, log }: { now: Date; log: Logger },
): Promise<number> {
  const ids = await findUnrouted(tx, take)
  take.took(ids)
  const rows = await lockConversations(tx, ids)
  const unrouted = rows.filter(({ status, queueId }) => status === 'open' && queueId === null)
  if (unrouted.length === 0) return 0
  const circumstances = await findCircumstances(tx, unrouted, now)
  const led = unrouted.flatMap((row) => lead(row, circumstances))
  for (const { decision, change } of led) {
    if (!decision.choice.reason.startsWith('faulty')) continue
    const { id: conversationId, workstreamId } = change.after
    log.warn({ conversationId, workstreamId }, 'a rule is faulty, fallback queue taken')
  }
  await record(tx, led, now)
  return rows.length
}

async function findCircumstances(
  tx: OrgTx,
  rows: readonly Conversation[],
  now: Date,
): Promise<Circumstances> {
  const workstreamIds = rows.map(({ workstreamId }) => workstreamId)
  const [plans, terms, contacts] = await Promise.all([
    findPlans(tx, workstreamIds),
    findTerms(tx, workstreamIds),
    findContactFacts(
      tx,
      rows.flatMap(({ contactId }) => contactId ?? []),
    ),
  ])
  const queues = await findQueueStates(tx, [...plans.values()].flatMap(queuesOf), now)
  // Only where a queue without members is met, or a contact prefers somebody, does it matter what the organization says
  const matters =
    [...queues.values()].some(({ hasMembers }) => !hasMembers) ||
    [...contacts.values()].some(({ preferredAgentIds }) => preferredAgentIds.length > 0)
  const settings = matters ? await findRoutingSettings(tx) : defaultSettings
  return { plans, terms, contacts, queues, settings, now }
}

function lead(row: Conversation, circumstances: Circumstances): Led[] {
  const { plans, terms, contacts, queues, settings, now } = circumstances
  const plan = plans.get(row.workstreamId)
  if (!plan) throw new Error(`Conversation of an unknown workstream ${row.workstreamId}`)
  const contact = contacts.get(row.contactId ?? '') ?? null
  const facts = factsOf(row, contact)
  const decision = decide(plan, row.id, facts, { queues, ...settings })
  const asked = { ...classified(row, decision), ...preferredBy(settings, contact) }
  const { queueId, outcome } = decision
  const state = queues.get(queueId)
  const overflowAfterMinutes = waitingMinutes(state?.overflow ?? {})
  const change = changeConversation(
    { ...asked, demand: demandIdOf(asked) },
    outcome === 'queued' ? { type: 'routed', queueId, overflowAfterMinutes } : { type: outcome, queueId },
    termsOf(terms, row),
    now,
  )
  if (!change) return []
  // It counts for those behind it
  if (state && outcome === 'queued') state.waiting += 1
  const routed = routedBy(plan, decision, now)
  return [
    { change, decision, routed, isMarked: plan.rulesets.length > 0 || asked.preferredAgentIds.length > 0 },
  ]
}

/** Whom the contact prefers, if it has one: an empty list makes no line of its own (docs/decisions/0042). */
export const preferredBy = (
  { preferredAgents }: RoutingSettings,
  contact: ContactFacts | null,
): Pick<Conversation, 'preferredAgentIds'> => ({
  preferredAgentIds: preferredAgents === 'off' ? [] : (contact?.preferredAgentIds ?? []),
})

async function record(tx: OrgTx, led: readonly Led[], now: Date): Promise<void> {
  const marked = led.filter(({ isMarked }) => isMarked).map(({ change }) => change.after)
  await Promise.all([
    updateRows(tx, 'conversations', marked, ['context', 'skills', 'priority', 'preferredAgentIds']),
    recordChanges(
      tx,
      led.map(({ change }) => change),
      now,
    ),
    saveRouted(
      tx,
      led.flatMap(({ change: { after }, routed }) => (routed ? [{ id: after.id, routed }] : [])),
    ),
    tellOfEmptyQueues(
      tx,
      led.flatMap(({ decision: { emptyQueueId, queueId } }) => (emptyQueueId ? [emptyQueueId, queueId] : [])),
      now,
    ),
  ])
}

/** Admins hear of each queue without members once, until it has had some. */
export async function tellOfEmptyQueues(tx: OrgTx, ids: readonly string[], now: Date): Promise<void> {
  const queues = await noteEmptyQueues(tx, ids, now)
  emit(
    tx,
    queues.map((queue) => ({
      type: 'queue.has_no_members' as const,
      at: now,
      queueId: queue.id,
      agentIds: [],
      data: { queue },
    })),
  )
}

/** All that a workstream may lead to. */
export const queuesOf = ({ rules, fallbackQueueId }: Plan): string[] => [
  fallbackQueueId,
  ...rules.flatMap(({ queues }) => queues.map(({ queueId }) => queueId)),
]

type Classifiable = Pick<Conversation, 'context' | 'skills' | 'priority' | 'capacityProfileIds'>

/** Skills and capacity profiles come on top of those that it has. */
export function classified<Row extends Classifiable>(
  row: Row,
  { classification }: Pick<Decision, 'classification'>,
): Row {
  const { facts, skills, priority, capacityProfileIds } = classification
  return {
    ...row,
    context: facts.context as Conversation['context'],
    skills: skills.length > 0 ? (skills as unknown as Conversation['skills']) : row.skills,
    priority: priority ?? row.priority,
    capacityProfileIds: [...new Set([...row.capacityProfileIds, ...capacityProfileIds])],
  }
}
