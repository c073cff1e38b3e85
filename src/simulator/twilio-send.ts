import { canonicalAddress, isBusinessScopedId, isPhoneNumber } from './addresses.js'
import type { ReportStep } from './reports.js'
import { countSegments } from './segments.js'
import {
  type Account,
  type Channel,
  findNumber,
  makeMessage,
  makeSid,
  type SimulatedMessage,
  type SimulatorState,
} from './state.js'

export interface TwilioRefusal {
  status: number
  code: number
  message: string
}

// https://www.twilio.com/docs/iam/test-credentials
const magicSenders: Record<string, [number, string]> = {
  '+15005550001': [21212, "The 'From' number +15005550001 is not a valid phone number or shortcode."],
  '+15005550007': [21606, "The 'From' phone number +15005550007 is not a valid, SMS-capable number."],
  '+15005550008': [
    21611,
    "This 'From' number +15005550008 has exceeded the maximum number of queued messages.",
  ],
}
const magicRecipients: Record<string, [number, string]> = {
  '+15005550001': [21211, "The 'To' number +15005550001 is not a valid phone number."],
  '+15005550002': [21612, "The 'To' phone number +15005550002 is not currently reachable via SMS."],
  '+15005550003': [
    21408,
    "Permission to send an SMS has not been enabled for the region of the 'To' number.",
  ],
  '+15005550004': [21610, 'Attempt to send to unsubscribed recipient'],
  '+15005550009': [21614, "'To' number is not a valid mobile number"],
}
/** Works as a sender without belonging to the account. */
const magicWorkingSender = '+15005550006'

const windowMs = 24 * 60 * 60 * 1000

interface Draft {
  to: string
  from: string
  text: string
  mediaUrls: string[]
  channel: Channel
}

/** Checks a create request as Twilio does, in the order in which it matters to a caller. */
export function refuseTwilioSend(
  state: SimulatorState,
  account: Account,
  fields: URLSearchParams,
): TwilioRefusal | null {
  const draft = readDraft(account, fields)
  return (
    missing(fields) ??
    badContent(draft, fields) ??
    badAddress(account, draft) ??
    barred(state, account, draft)
  )
}

function readDraft(account: Account, fields: URLSearchParams): Draft {
  const to = fields.get('To') ?? ''
  const service = fields.get('MessagingServiceSid')
  const channel = to.startsWith('whatsapp:') ? 'whatsapp' : 'sms'
  const pooled = account.numbers.find((each) => each.channel === channel)?.number ?? ''
  return {
    to,
    from:
      fields.get('From') ?? (service === null ? '' : channel === 'whatsapp' ? `whatsapp:${pooled}` : pooled),
    text: fields.get('Body') ?? '',
    mediaUrls: fields.getAll('MediaUrl'),
    channel,
  }
}

function refusal(code: number, message: string, status = 400): TwilioRefusal {
  return { status, code, message }
}

function missing(fields: URLSearchParams): TwilioRefusal | null {
  if (!fields.get('To')) return refusal(21604, "A 'To' phone number is required.")
  if (!fields.get('From') && !fields.get('MessagingServiceSid')) {
    return refusal(21603, "A 'From' phone number is required.")
  }
  if (!fields.get('Body') && !fields.has('MediaUrl') && !fields.has('ContentSid')) {
    return refusal(21602, 'Message body is required.')
  }
  return null
}

function badContent(draft: Draft, fields: URLSearchParams): TwilioRefusal | null {
  if (draft.text.length > 1600) {
    return refusal(21617, 'The concatenated message body exceeds the 1600 character limit.')
  }
  if (draft.mediaUrls.length > (draft.channel === 'whatsapp' ? 1 : 10)) {
    return refusal(21623, 'Number of media files exceeds allowed limit')
  }
  if (!draft.mediaUrls.every(isHttpUrl)) return refusal(21620, 'Invalid media URL(s)')
  const reportUrl = fields.get('StatusCallback')
  if (reportUrl && !isHttpUrl(reportUrl))
    return refusal(21609, "The 'StatusCallback' URL is not a valid URL.")
  return null
}

function badAddress(account: Account, draft: Draft): TwilioRefusal | null {
  const { channel } = draft
  if (draft.from.startsWith('whatsapp:') !== draft.to.startsWith('whatsapp:')) {
    return refusal(21910, "Invalid 'From' and 'To' pair. 'From' and 'To' should be of the same channel")
  }
  const from = canonicalAddress(draft.from)
  const to = canonicalAddress(draft.to)
  const magic = magicSenders[from] ?? magicRecipients[to]
  if (magic) return refusal(...magic)
  const isRecipient = isPhoneNumber(to) || (channel === 'whatsapp' && isBusinessScopedId(to))
  if (!isRecipient) return refusal(21211, `The 'To' number ${draft.to} is not a valid phone number.`)
  if (from === magicWorkingSender) return null
  const number = findNumber(account, from, channel)
  if (!number && channel === 'whatsapp') {
    return refusal(63007, 'Twilio could not find a Channel with the specified From address')
  }
  if (!number?.capabilities.sms) {
    return refusal(21606, `The 'From' phone number ${draft.from} is not a valid, SMS-capable number.`)
  }
  return null
}

function barred(state: SimulatorState, account: Account, draft: Draft): TwilioRefusal | null {
  if (account.options.optOut === 'sync' && isOptedOut(state, account, draft)) {
    return refusal(21610, 'Attempt to send to unsubscribed recipient')
  }
  if (account.options.window === 'sync' && isOutsideWindow(state, account, draft)) {
    return refusal(63016, outsideWindow)
  }
  return null
}

const outsideWindow =
  'Failed to send freeform message because you are outside the allowed window. Use a Message Template.'

function isOptedOut(state: SimulatorState, account: Account, draft: Draft): boolean {
  return state.isOptedOut(pairOf(account, draft))
}

function isOutsideWindow(state: SimulatorState, account: Account, draft: Draft): boolean {
  if (draft.channel !== 'whatsapp') return false
  const lastInboundAt = state.lastInboundAt(pairOf(account, draft))
  if (lastInboundAt === undefined) return account.options.window !== 'lenient'
  return Date.now() - lastInboundAt >= windowMs
}

function pairOf(account: Account, draft: Draft) {
  return {
    accountId: account.id,
    number: canonicalAddress(draft.from),
    customer: canonicalAddress(draft.to),
  }
}

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text)
}

/** The accepted message, kept; and what will be reported of it. */
export function acceptTwilioSend(
  state: SimulatorState,
  account: Account,
  fields: URLSearchParams,
): { message: SimulatedMessage; steps: ReportStep[] } {
  const draft = readDraft(account, fields)
  const message = makeMessage({
    account,
    id: makeSid(draft.mediaUrls.length > 0 ? 'MM' : 'SM'),
    channel: draft.channel,
    direction: 'outbound',
    customer: canonicalAddress(draft.to),
    number: canonicalAddress(draft.from),
    text: draft.text,
    mediaUrls: draft.mediaUrls,
    status: 'queued',
    segments: draft.channel === 'sms' ? countSegments(draft.text) : 1,
    reportUrl: fields.get('StatusCallback') || null,
  })
  state.addMessage(message)
  return { message, steps: plannedSteps(state, account, draft, fields) }
}

function plannedSteps(
  state: SimulatorState,
  account: Account,
  draft: Draft,
  fields: URLSearchParams,
): ReportStep[] {
  if (account.options.optOut === 'async' && isOptedOut(state, account, draft)) {
    return [failed('21610', 'Attempt to send to unsubscribed recipient')]
  }
  if (!fields.has('ContentSid') && isOutsideWindow(state, account, draft)) {
    return [failed('63016', outsideWindow)]
  }
  const steps = draft.channel === 'whatsapp' ? ['sent', 'delivered', 'read'] : ['sent', 'delivered']
  return steps.map((status) => ({ status }))
}

export function failed(code: string, message: string): ReportStep {
  return { status: 'failed', error: { code, message } }
}
