import type { Engine } from './engine.js'
import { type Account, type BusinessNumber, makeMessage, makeSid, type SimulatedMessage } from './state.js'

/** Carrier words with the provider's own answer. https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out */
const stopWords = [
  'stop',
  'stopall',
  'unsubscribe',
  'cancel',
  'end',
  'quit',
  'revoke',
  'optout',
  'arret',
  'arrêt',
]
const startWords = ['start', 'yes', 'unstop']
const helpWords = ['help', 'info']
const replies = {
  stop: 'You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe.',
  start:
    'You have successfully been re-subscribed to messages from this number. Reply HELP for help. Reply STOP to unsubscribe. Msg&Data Rates May Apply.',
  help: 'Reply STOP to unsubscribe. Msg&Data Rates May Apply.',
}

export type Keyword = 'stop' | 'start' | 'help'

export function keywordOf(text: string): Keyword | null {
  const word = text.trim().toLowerCase()
  if (stopWords.includes(word)) return 'stop'
  if (startWords.includes(word)) return 'start'
  return helpWords.includes(word) ? 'help' : null
}

/** Twilio: on SMS always, on WhatsApp with Advanced Opt-Out only. Telesign: where it manages the list. */
export function obeysKeywords(account: Account, number: BusinessNumber): boolean {
  if (account.options.optOut === 'off') return false
  return account.provider === 'telesign' || number.channel === 'sms' || account.options.advancedOptOut
}

export function obey(engine: Engine, account: Account, message: SimulatedMessage, keyword: Keyword): void {
  const { accountId, number, customer } = message
  const pair = { accountId, number, customer }
  if (keyword !== 'help') engine.state.setOptedOut(pair, keyword === 'stop')
  automaticReply(engine, account, message, replies[keyword])
}

/** A message that the provider itself sends to the customer. */
export function automaticReply(
  engine: Engine,
  account: Account,
  message: SimulatedMessage,
  text: string,
): void {
  const { channel, customer, number } = message
  engine.state.addMessage(
    makeMessage({
      account,
      id: makeSid('SM'),
      channel,
      direction: 'outbound',
      customer,
      number,
      text,
      status: 'delivered',
      automatic: true,
    }),
  )
}
