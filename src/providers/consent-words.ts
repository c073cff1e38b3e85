import type { ProviderName } from './provider.js'

type Consent = 'stop' | 'start' | 'help'

/**
 * The words that the providers themselves act on.
 * https://help.twilio.com/articles/223134027 (REVOKE and OPTOUT came later),
 * https://developer.telesign.com/enterprise/docs/inbound-sms
 */
const words: Record<ProviderName, Record<Consent, readonly string[]>> = {
  twilio: {
    stop: ['stop', 'stopall', 'unsubscribe', 'cancel', 'end', 'quit', 'revoke', 'optout'],
    start: ['start', 'yes', 'unstop'],
    help: ['help', 'info'],
  },
  telesign: {
    stop: ['stop', 'arrêt', 'arret', 'cancel', 'end', 'quit', 'unsubscribe'],
    start: ['start'],
    help: ['help', 'aide', 'contact', 'info'],
  },
}

const lookUp = {
  twilio: byWord(words.twilio),
  telesign: byWord(words.telesign),
}

function byWord(lists: Record<Consent, readonly string[]>): ReadonlyMap<string, Consent> {
  const consents: Consent[] = ['stop', 'start', 'help']
  return new Map(consents.flatMap((consent) => lists[consent].map((word) => [word, consent] as const)))
}

/** The whole text must be the word, in any letter case, with blanks around it: "please stop" is not an opt-out. */
export function consentWord(provider: ProviderName, text: string): Consent | null {
  return lookUp[provider].get(text.trim().toLowerCase().normalize('NFC')) ?? null
}

/** What the provider itself says of the message, where it does. */
export function statedConsent(value: string | undefined): Consent | null {
  const stated = value?.toLowerCase()
  return stated === 'stop' || stated === 'start' || stated === 'help' ? stated : null
}
