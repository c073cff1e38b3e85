import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  newSid,
  type ProviderCall,
  post,
  signedTwilioCall,
  type TestAccount,
} from '../channels/provider-calls.js'
import { isAtRest, keptMessages } from '../support/ledger.js'
import { newCustomer } from '../support/organization.js'
import { type ReplyDesk, replyDesk } from '../support/reply.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { runSql } from '../support/sql.js'

/** Issue "Nothing twice", 7: callbacks of every kind, several times each, at once and in any order. */
let service: TestService

beforeAll(async () => {
  service = await startService()
  await tellProvider(service, 'settings', { reports: false })
})
afterAll(() => service.close())

/** What the provider reports of one message in whatever order, and what it has become in the end */
const histories = [
  { reported: ['queued', 'sent'], becomes: 'sent' },
  { reported: ['sent', 'delivered'], becomes: 'delivered' },
  { reported: ['sending', 'sent', 'delivered', 'read'], becomes: 'read' },
  { reported: ['sent', 'undelivered'], becomes: 'undelivered' },
  { reported: ['failed'], becomes: 'failed' },
] as const

interface Planned {
  history: (typeof histories)[number]
  /** Whether its reports carry our id or only the provider's */
  isNamed: boolean
}

const plan = fc.record({
  customers: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
  replies: fc.array(fc.record({ history: fc.constantFrom(...histories), isNamed: fc.boolean() }), {
    minLength: 1,
    maxLength: 6,
  }),
  repeats: fc.integer({ min: 1, max: 3 }),
  order: fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
})

const accountOf = ({ number }: ReplyDesk): TestAccount => ({
  id: number.accountId,
  callbackUrl: number.callbackUrl,
  calledUrl: number.callbackUrl.replace(/#.*$/, ''),
  credentials: number.credentials,
})

function texts(at: ReplyDesk, count: number): { call: ProviderCall; text: string }[] {
  const customer = newCustomer()
  return Array.from({ length: count }, (_, index) => {
    const text = `${customer} writes ${index}`
    const sid = newSid()
    const params = {
      MessageSid: sid,
      AccountSid: at.number.credentials['accountSid'] ?? '',
      From: customer,
      To: at.number.number,
      Body: text,
      NumMedia: '0',
      SmsStatus: 'received',
    }
    return { call: signedTwilioCall(accountOf(at), { params }), text }
  })
}

function reports(at: ReplyDesk, message: any, { history, isNamed }: Planned): ProviderCall[] {
  const account = accountOf(at)
  const url = `${account.calledUrl}/status${isNamed ? `?message=${message.id}` : ''}`
  return history.reported.map((status) => {
    const params = {
      MessageSid: message.providerMessageId,
      MessageStatus: status,
      AccountSid: at.number.credentials['accountSid'] ?? '',
      ...(['undelivered', 'failed'].includes(status) && { ErrorCode: '30003' }),
    }
    return signedTwilioCall(account, { params, url })
  })
}

it('however callbacks are repeated and mixed up, each text is there once and each reply has become what it is', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ customers, replies, repeats, order }) => {
      const at = await replyDesk(service, 'twilio sms')
      const sent: { message: any; planned: Planned }[] = []
      for (const [index, planned] of replies.entries()) {
        const { id } = await at.reply(`Reply ${index}`)
        sent.push({ message: await at.becomes(id, 'sent'), planned })
      }
      const inbound = customers.flatMap((count) => texts(at, count))
      const calls = [
        ...inbound.map(({ call }) => call),
        ...sent.flatMap(({ message, planned }) => reports(at, message, planned)),
      ]
      const shuffled = calls
        .flatMap((call) => Array.from({ length: repeats }, () => call))
        .map((call) => ({ call, place: order.next().value }))
        .sort((one, other) => one.place - other.place)

      const answers = await Promise.all(shuffled.map(({ call }) => post(service, call)))
      await eventually(
        () => isAtRest(service),
        (rest) => rest,
      )

      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 204]))
      const wanted = inbound.map(({ text }) => text)
      const kept = (await keptMessages(service)).filter(({ text }) => wanted.includes(text))
      expect(kept.map(({ text, announced }) => `${announced} × ${text}`).sort()).toEqual(
        wanted.map((text) => `1 × ${text}`).sort(),
      )
      for (const { message, planned } of sent) {
        await at.becomes(message.id, planned.history.becomes)
        expect(await timesTold(message.id)).toBe(1)
      }
    }),
    { numRuns: 6 },
  )
}, 120_000)

/** How often agents' interfaces were told what the message is now. */
async function timesTold(messageId: string): Promise<number> {
  const rows = await runSql(
    service,
    `SELECT 1 FROM events e JOIN messages m ON m.org_id = e.org_id AND m.id::text = e.data->'message'->>'id'
     WHERE m.id = $1 AND e.type = 'message.' || m.status`,
    [messageId],
  )
  return rows.length
}
