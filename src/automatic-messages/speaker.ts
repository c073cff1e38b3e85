import { attendancesOf, stepsOf } from '../conversations/steps.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { emit } from '../events/outbox.js'
import { findHoursStatus } from '../hours/find-status.js'
import type { HoursStatus } from '../hours/schedule.js'
import type { Clock } from '../lib/clock.js'
import { messageEvent } from '../messages/announce.js'
import { newMessage } from '../messages/new-message.js'
import type { MessageRow } from '../messages/present.js'
import { insertMessages } from '../messages/repository.js'
import { findSendable, noteLastMessage, refuseToSend, type SendFacts } from '../messages/send-gate.js'
import { consentWord } from '../providers/consent-words.js'
import { maxTextLength } from '../providers/last-gate.js'
import type { ActiveTriggers } from './active-triggers.js'
import {
  type Candidate,
  findAgentNames,
  findMessagesFor,
  findSurroundings,
  type Surroundings,
} from './repository.js'
import { fillIn, type Texts, textIn } from './texts.js'
import {
  applies,
  attendanceOccasion,
  hoursFor,
  isTooMuch,
  type Occasion,
  occasionOf,
  type Trigger,
} from './triggers.js'

/** A conversation in which something may be said, with what decides about it. */
interface Place {
  conversation: Conversation & SendFacts
  around: Surroundings
}

/** What a unit of work knows before it says anything. */
interface Frame {
  places: ReadonlyMap<string, Place>
  messages: readonly Candidate[]
  agents: ReadonlyMap<string, string>
  hours: ReadonlyMap<string, HoursStatus>
  now: Date
}

interface Spoken {
  occasion: Occasion
  conversation: Conversation
  message: MessageRow
}

/** Says what admins want said when steps of conversations are made, in the transaction of the step. */
export class AutomaticSpeaker {
  constructor(
    private readonly clock: Clock,
    private readonly active: ActiveTriggers,
  ) {}

  /** Before a unit of work commits. Without steps, or without an active message for them, it asks nothing. */
  readonly follow = async (tx: OrgTx): Promise<void> => {
    const possible = [
      ...stepsOf(tx).flatMap((step) => occasionOf(step) ?? []),
      ...attendancesOf(tx).map(attendanceOccasion),
    ]
    if (possible.length === 0) return
    const active = await this.active.of(tx)
    const occasions = possible.filter(({ triggers }) => triggers.some((trigger) => active.has(trigger)))
    if (occasions.length === 0) return
    const now = this.clock.now()
    const frame = await findFrame(tx, occasions, now)
    const spoken = onceEach(occasions.flatMap((occasion) => speak(occasion, frame) ?? []))
    await store(tx, withinMeasure(spoken, frame), now)
  }
}

async function findFrame(tx: OrgTx, occasions: readonly Occasion[], now: Date): Promise<Frame> {
  const ids = occasions.map(({ conversationId }) => conversationId)
  const [conversations, surroundings, messages, agents] = await Promise.all([
    findSendable(tx, ids),
    findSurroundings(tx, ids, now),
    findMessagesFor(tx, [...new Set(occasions.flatMap(({ triggers }) => triggers))]),
    findAgentNames(
      tx,
      occasions.flatMap(({ agentId }) => agentId ?? []),
    ),
  ])
  const places = new Map(
    [...conversations].flatMap(([id, conversation]) => {
      const around = surroundings.get(id)
      return around ? [[id, { conversation, around }] as const] : []
    }),
  )
  const deciding = occasions.map((occasion) => {
    const place = places.get(occasion.conversationId)
    return place ? hoursFor(occasion, place.around) : null
  })
  return { places, messages, agents, hours: await findHoursStatus(tx, deciding, now), now }
}

/** Null where nothing is to be said, or nothing may be. */
function speak(occasion: Occasion, frame: Frame): Spoken | null {
  const place = frame.places.get(occasion.conversationId)
  if (!place?.around.isSwitchedOn || refuseToSend(place.conversation, frame.now)) return null
  if (occasion.isReply && isNoQuestion(place)) return null
  const status = frame.hours.get(hoursFor(occasion, place.around) ?? '')
  for (const trigger of occasion.triggers) {
    const found = applies(trigger, status, place.around) ? messageFor(trigger, place, frame.messages) : null
    if (found)
      return { occasion, conversation: place.conversation, message: compose(found, occasion, place, frame) }
  }
  return null
}

/** An opt-out, opt-in or help word, which the provider answers itself; or a message that came back late. */
function isNoQuestion({ conversation, around: { lastText, lastDetails, lastRecovered } }: Place): boolean {
  return (
    lastRecovered === true ||
    lastDetails?.['OptOutType'] !== undefined ||
    consentWord(conversation.provider, lastText ?? '') !== null
  )
}

/** That of the number takes the place of that of the channel, also where it is inactive. */
function messageFor(trigger: Trigger, place: Place, messages: readonly Candidate[]): Candidate | null {
  const own = messages.filter((one) => one.trigger === trigger && one.channel === place.conversation.channel)
  const ofNumber = own.find(
    ({ workstreamChannelId }) =>
      workstreamChannelId !== null && workstreamChannelId === place.around.workstreamChannelId,
  )
  const chosen = ofNumber ?? own.find(({ workstreamChannelId }) => workstreamChannelId === null)
  return chosen?.active ? chosen : null
}

function compose(
  { trigger, texts, defaultLanguage }: Candidate,
  { agentId }: Occasion,
  { conversation, around }: Place,
  { agents, now }: Frame,
): MessageRow {
  const text = fillIn(textIn(texts as Texts, conversation.language, defaultLanguage), {
    AgentName: agents.get(agentId ?? '') ?? '',
    QueueName: around.queueName ?? '',
  })
  const origin = {
    orgId: conversation.orgId,
    conversationId: conversation.id,
    accountId: conversation.accountId,
    kind: 'system',
    authorType: 'system',
    createdAt: now,
  } as const
  if (text.length > maxTextLength) {
    const why = `The automatic message "${trigger}" was not sent: with names filled in it has ${text.length} characters, and at most ${maxTextLength} can be sent.`
    return newMessage({ ...origin, direction: 'internal', text: why })
  }
  const outbound = { direction: 'outbound', status: 'queued', dueAt: now } as const
  return newMessage({ ...origin, ...outbound, numberId: conversation.numberId, text })
}

/** A customer gets one reply to what they wrote, the last that there was reason for. */
function onceEach(spoken: readonly Spoken[]): Spoken[] {
  const last = new Map(
    spoken.filter(({ occasion }) => occasion.isReply).map((one) => [one.conversation.id, one] as const),
  )
  return spoken.filter((one) => !one.occasion.isReply || last.get(one.conversation.id) === one)
}

/** Leaves out what would be too much for its customer. */
function withinMeasure(spoken: readonly Spoken[], { places }: Frame): Spoken[] {
  const added = new Map<string, number>()
  return spoken.filter(({ conversation: { id, customerAddress } }) => {
    const around = places.get(id)?.around
    const more = added.get(customerAddress) ?? 0
    if (!around || isTooMuch({ lately: around.lately + more, today: around.today + more })) return false
    added.set(customerAddress, more + 1)
    return true
  })
}

async function store(tx: OrgTx, spoken: readonly Spoken[], now: Date): Promise<void> {
  if (spoken.length === 0) return
  const sent = spoken.filter(({ message }) => message.direction === 'outbound')
  await Promise.all([
    insertMessages(
      tx,
      spoken.map(({ message }) => message),
    ),
    noteLastMessage(
      tx,
      sent.map(({ conversation }) => conversation.id),
      now,
    ),
  ])
  emit(
    tx,
    sent.map(({ message, conversation }) =>
      messageEvent('message.queued', { message, media: [], conversation, now }),
    ),
  )
}
