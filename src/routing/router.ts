import { type ConversationChange, changeConversation, type WorkTerms } from '../conversations/change.js'
import { recordChanges } from '../conversations/record.js'
import { findTerms, lockConversations } from '../conversations/repository.js'
import { termsOf } from '../conversations/service.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import type { Take } from '../db/row-by-row.js'
import { updateRows } from '../db/rows.js'
import type { Logger } from '../lib/logger.js'
import { type Decision, decide, factsOf, type Plan } from './decide.js'
import { demandIdOf } from './demand.js'
import { type Routed, routedBy } from './record.js'
import { saveRouted } from './record-repository.js'
import { findContactFacts, findPlans, findUnrouted } from './repository.js'

interface Led {
  change: ConversationChange
  routed: Routed | null
  isClassified: boolean
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
  const workstreamIds = unrouted.map(({ workstreamId }) => workstreamId)
  const [plans, terms, contacts] = await Promise.all([
    findPlans(tx, workstreamIds),
    findTerms(tx, workstreamIds),
    findContactFacts(
      tx,
      unrouted.flatMap(({ contactId }) => contactId ?? []),
    ),
  ])
  const led = unrouted.flatMap((row): Led[] => {
    const plan = plans.get(row.workstreamId)
    if (!plan) throw new Error(`Conversation of an unknown workstream ${row.workstreamId}`)
    const decision = decide(plan, row.id, factsOf(row, contacts.get(row.contactId ?? '') ?? null))
    if (decision.choice.reason.startsWith('faulty')) {
      log.warn(
        { conversationId: row.id, workstreamId: row.workstreamId },
        'a rule is faulty, fallback queue taken',
      )
    }
    return lead(row, { plan, decision, terms: termsOf(terms, row), now })
  })
  const classified = led.filter(({ isClassified }) => isClassified).map(({ change }) => change.after)
  await Promise.all([
    updateRows(tx, 'conversations', classified, ['context', 'skills', 'priority']),
    recordChanges(
      tx,
      led.map(({ change }) => change),
      now,
    ),
    saveRouted(
      tx,
      led.flatMap(({ change: { after }, routed }) => (routed ? [{ id: after.id, routed }] : [])),
    ),
  ])
  return rows.length
}

function lead(
  row: Conversation,
  { plan, decision, terms, now }: { plan: Plan; decision: Decision; terms: WorkTerms; now: Date },
): Led[] {
  const { queueId } = decision.choice
  const asked = classified(row, decision)
  const change = changeConversation(
    { ...asked, demand: demandIdOf(asked) },
    { type: 'routed', queueId },
    terms,
    now,
  )
  const routed = routedBy(plan, decision, now)
  return change ? [{ change, routed, isClassified: plan.rulesets.length > 0 }] : []
}

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
