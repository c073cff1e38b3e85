import { type ConversationChange, changeConversation, type WorkTerms } from '../conversations/change.js'
import { dueAt } from '../conversations/due-times.js'
import { recordChanges } from '../conversations/record.js'
import { findTerms } from '../conversations/repository.js'
import { termsOf } from '../conversations/service.js'
import { nextTimeout, silenceOf } from '../conversations/silence.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation, TimeoutRule } from '../db/generated/client.js'
import { updateRows } from '../db/rows.js'
import { later, minutes } from '../lib/clock.js'
import { tellAgent, tellCustomer } from '../messages/system-messages.js'
import { dueRules } from './due-rules.js'
import type { ShownRule } from './present.js'
import { listTimeoutRules } from './repository.js'

type Action = ShownRule['action']
type Text = Extract<Action, { type: 'message' }>

/** What is to be done with one conversation. */
interface Acts {
  row: Conversation
  texts: Text[]
  change: ConversationChange | null
}

/**
 * Does what the timeout rules say about conversations in which nobody answers. Joins the unit of work that has locked
 * them. A rule is done once in a silence: what comes next is only looked for after this moment.
 */
export async function actOnSilence(tx: OrgTx, rows: readonly Conversation[], now: Date): Promise<void> {
  if (rows.length === 0) return
  const workstreamIds = rows.map(({ workstreamId }) => workstreamId)
  const terms = await findTerms(tx, workstreamIds)
  const rules = await listTimeoutRules(tx, workstreamIds)
  const acts = rows.map((row) => {
    const own = rules.filter(({ workstreamId, isActive }) => isActive && workstreamId === row.workstreamId)
    return actsOf(row, own, termsOf(terms, row), now)
  })
  await recordChanges(
    tx,
    acts.flatMap(({ change }) => change ?? []),
    now,
  )
  await updateRows(
    tx,
    'conversations',
    acts.filter(({ change }) => !change).map(({ row }) => ({ ...row, dueAt: dueAt(row) })),
    ['timeoutAt', 'dueAt'],
  )
  await sendTexts(tx, acts, now)
}

const steps = { close: 'closed_by_rule', move_to_waiting: 'moved_to_waiting' } as const

/** What is due, up to the first step that the conversation allows; what comes behind it is found again at once. */
function actsOf(row: Conversation, rules: readonly TimeoutRule[], terms: WorkTerms, now: Date): Acts {
  const silence = silenceOf(row)
  const texts: Text[] = []
  if (silence && row.timeoutAt) {
    for (const rule of dueRules(rules.map(timed), silence, { from: row.timeoutAt, now })) {
      if (rule.action.type === 'message') {
        texts.push(rule.action)
        continue
      }
      const moment = later(silence.since, minutes(rule.afterMinutes))
      const step = { type: steps[rule.action.type] }
      const change = changeConversation(lookedAt(row, terms, moment), step, terms, now)
      if (change) return { row, texts, change }
    }
  }
  return { row: lookedAt(row, terms, now), texts, change: null }
}

const timed = (rule: TimeoutRule) => ({
  ...rule,
  event: rule.event as ShownRule['event'],
  action: rule.action as Action,
})

/** Until this moment everything is done. */
const lookedAt = (row: Conversation, terms: WorkTerms, moment: Date): Conversation => ({
  ...row,
  timeoutAt: nextTimeout(row, terms, moment),
})

async function sendTexts(tx: OrgTx, acts: readonly Acts[], now: Date): Promise<void> {
  const said = acts.flatMap(({ row, change, texts }) =>
    texts.map(({ to, texts: byLanguage, defaultLanguage }) => ({
      to,
      conversation: change?.after ?? row,
      text: byLanguage[row.language] ?? byLanguage[defaultLanguage] ?? '',
    })),
  )
  await tellAgent(
    tx,
    said.filter(({ to }) => to === 'agent'),
    now,
  )
  await tellCustomer(
    tx,
    said.filter(({ to }) => to === 'customer'),
    now,
  )
}
