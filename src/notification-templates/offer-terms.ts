/**
 * What an offer is made with (domain.md 6.1): how long it stands, whether it becomes the agent's by itself, and what the
 * notification shows. A workstream has a template for each kind of offer; without one, the defaults.
 */
export const slots = [
  'incoming_authenticated',
  'incoming_unauthenticated',
  'transfer',
  'consult',
  'supervisor_assign',
] as const
export type Slot = (typeof slots)[number]

export interface Field {
  label: string
  /** With slugs in braces */
  value: string
}

export interface OfferTerms {
  title: string
  icon: string | null
  /** Whether the countdown is shown; it runs anyway */
  showTimeout: boolean
  countdownSeconds: number
  /** It becomes the agent's when the countdown ends, and cannot be rejected */
  autoAssign: boolean
  /** It does so at once */
  autoAccept: boolean
  acceptText: string
  /** Null: the agent cannot reject */
  rejectText: string | null
  desktopNotification: string
  fields: readonly Field[]
}

/** The templates of a workstream. */
export type OfferTemplates = Partial<Record<Slot, OfferTerms>>

const defaultTerms: OfferTerms = {
  title: '{customerName}',
  icon: null,
  showTimeout: true,
  countdownSeconds: 120,
  autoAssign: false,
  autoAccept: false,
  acceptText: 'Accept',
  rejectText: 'Reject',
  desktopNotification: 'never',
  fields: [],
}

/** A consult is never given to an agent who has not said yes. */
export function offerTerms(templates: OfferTemplates | null | undefined, slot: Slot): OfferTerms {
  const terms = templates?.[slot] ?? defaultTerms
  return slot === 'consult' ? { ...terms, autoAssign: false, autoAccept: false } : terms
}

export const incomingSlot = ({ authenticated }: { authenticated: boolean }): Slot =>
  authenticated ? 'incoming_authenticated' : 'incoming_unauthenticated'

/** What may stand in braces, besides `context.` with the name of a variable. */
const slugs = [
  'customerName',
  'customerAddress',
  'customerRecordId',
  'businessNumber',
  'channel',
  'firstText',
  'queueId',
  'queueName',
  'visitorLanguage',
] as const
type Slug = (typeof slugs)[number]

export interface OfferFacts extends Record<Slug, string> {
  context: Readonly<Record<string, unknown>>
}

const slugPattern = /\{([^{}]*)\}/g
const contextPrefix = 'context.'

/** What stands in braces and is no slug. */
export const unknownSlugs = (text: string): string[] =>
  [...text.matchAll(slugPattern)].flatMap(([whole, name = '']) =>
    name.startsWith(contextPrefix) || (slugs as readonly string[]).includes(name) ? [] : whole,
  )

function fillIn(text: string, facts: OfferFacts): string {
  return text.replace(slugPattern, (whole, name: string) => {
    if (!name.startsWith(contextPrefix)) return facts[name as Slug] ?? whole
    const key = name.slice(contextPrefix.length)
    return Object.hasOwn(facts.context, key) ? String(facts.context[key]) : ''
  })
}

/** The notification as an agent's interface shows it. */
export function notificationOf(terms: OfferTerms, facts: OfferFacts) {
  const { autoAssign, autoAccept, showTimeout, countdownSeconds, icon, acceptText, rejectText } = terms
  return {
    ...{ title: fillIn(terms.title, facts), icon, showTimeout, countdownSeconds, autoAssign, autoAccept },
    ...{ acceptText, rejectText, desktopNotification: terms.desktopNotification },
    fields: terms.fields.map(({ label, value }) => ({ label, value: fillIn(value, facts) })),
  }
}
