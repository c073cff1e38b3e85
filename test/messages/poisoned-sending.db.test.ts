import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { minutes, seconds } from '../../src/lib/clock.js'
import { newId } from '../../src/lib/ids.js'
import { TestClock } from '../support/clock.js'
import { EventListener } from '../support/event-listener.js'
import { done, newCustomer, type TestNumber } from '../support/organization.js'
import { poison } from '../support/poison.js'
import type { ReplyDesk } from '../support/reply.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { runSql } from '../support/sql.js'
import { troubledSending } from '../support/troubled-sending.js'

const clock = new TestClock()
let service: TestService
let mend: () => Promise<void> = async () => undefined

// Six attempts, one a second, on a loaded machine
vi.setConfig({ testTimeout: 60_000 })

beforeAll(async () => {
  service = await startService({ clock })
  await tellProvider(service, 'settings', { reportDelayMs: 10 })
})
beforeEach(async () => {
  clock.backToNow()
  await reports(true)
})
afterEach(() => mend())
afterAll(() => service.close())

const { desk, fault, reports, rowOf, answerIsLost } = troubledSending(() => service, clock)

/** Another conversation of the same agent, and how they answer there. */
async function another(at: ReplyDesk, number: TestNumber = at.number) {
  const customer = newCustomer()
  const { id } = await at.org.acceptedConversation(at.agent, number, customer)
  return {
    customer,
    reply: async (text: string): Promise<any> =>
      (await done(at.org.as(at.agent).post(`/v1/conversations/${id}/messages`, { text }), 202)).body,
    becomes: (messageId: string, status: string) =>
      at.org.message(id, messageId, (message) => message.status === status),
  }
}

/** Lets the pauses pass. */
const afterAWhile = (at: ReplyDesk, messageId: string, status: string) =>
  eventually(
    async () => {
      clock.forward(seconds(5))
      return (await at.org.messages(at.id)).find(({ id }) => id === messageId)
    },
    (message) => message.status === status,
    30_000,
  )

describe('a reply that cannot be got ready', () => {
  it('is failed after its attempts and told, and holds up no other', async () => {
    const at = await desk('twilio sms')
    const other = await another(at)
    const listener = await EventListener.open(service, at.agent.key)
    mend = await poison(service, 'messages', {
      on: 'UPDATE',
      when: `NEW.text = 'poison' AND NEW.status = 'sending'`,
    })

    const poisoned = await at.reply('poison')
    const next = await at.reply('Next')
    const elsewhere = await other.reply('Elsewhere')
    await other.becomes(elsewhere.id, 'delivered')
    const failed = await afterAWhile(at, poisoned.id, 'failed')
    await at.becomes(next.id, 'delivered')

    expect(failed.error).toMatchObject({ code: 'processing_failed' })
    expect(failed.error.message).toContain('resend it')
    expect(await rowOf(poisoned.id)).toMatchObject({ attempts: 6, dueAt: null })
    await listener.first(({ type, data }) => type === 'message.failed' && data.message.id === poisoned.id)
    expect(at.sent()).toEqual(['Next'])
    listener.stop()
  })

  it('because the secret of its account cannot be opened holds up no other account, and is sent when a person says so', async () => {
    const at = await desk('twilio sms')
    const other = await another(at, await at.org.addNumber('telesign sms'))
    const [{ secret }] = (await runSql<{ secret: string }>(
      service,
      'SELECT secret FROM channel_accounts WHERE id = $1',
      [at.number.accountId],
    )) as [{ secret: string }]
    const setSecret = (value: string) =>
      runSql(service, 'UPDATE channel_accounts SET secret = $2 WHERE id = $1', [at.number.accountId, value])
    await setSecret('lost-key.a.b.c')

    const stuck = await at.reply('Stuck')
    const elsewhere = await other.reply('Elsewhere')
    await other.becomes(elsewhere.id, 'delivered')
    const failed = await afterAWhile(at, stuck.id, 'failed')
    await setSecret(secret)
    await done(at.org.as(at.agent).post(`/v1/conversations/${at.id}/messages/${stuck.id}/resend`), 200)

    expect(failed.error.code).toBe('processing_failed')
    await at.becomes(stuck.id, 'delivered')
    expect(at.sent()).toEqual(['Stuck'])
  })
})

it('an adapter that fails in a way of its own leaves the reply unknown after ten minutes, and a person decides', async () => {
  const at = await desk('twilio sms')
  // The SDK itself refuses such an id, with an error that is none of the adapter's
  await runSql(service, `UPDATE channel_accounts SET provider_account_id = 'XX' WHERE id = $1`, [
    at.number.accountId,
  ])

  const { id } = await at.reply('Odd')
  await answerIsLost(id)
  clock.forward(minutes(11))

  const unknown = await at.becomes(id, 'unknown')
  expect(unknown.error.code).toBe('outcome_unknown')
  expect(await rowOf(id)).toMatchObject({ attempts: 1, dueAt: null })
})

describe('an answer of the provider that cannot be recorded', () => {
  it('loses nobody else’s, and is settled when the fault is mended', async () => {
    await reports(false)
    const at = await desk('twilio sms')
    const others = await Promise.all(Array.from({ length: 4 }, () => another(at)))
    mend = await poison(service, 'messages', {
      on: 'UPDATE',
      when: `NEW.text = 'poison' AND NEW.status = 'sent'`,
    })
    clock.holdAt(clock.now())

    const poisoned = await at.reply('poison')
    const replies = await Promise.all(others.map(({ reply }) => reply('Hello')))
    // No time passes: none of these was settled in another way
    for (const [index, { id }] of replies.entries()) await others[index]?.becomes(id, 'sent')
    const meanwhile = await rowOf(poisoned.id)
    clock.runOn()
    await mend()
    await afterAWhile(at, poisoned.id, 'sent')

    expect(meanwhile.status).toBe('sending')
    expect(at.sent()).toEqual(['poison'])
  })
})

describe('a lost answer that cannot be settled', () => {
  it('holds up no other, and nothing that is to be sent', async () => {
    await reports(false)
    const at = await desk('telesign sms')
    const [lost, free] = [await another(at), await another(at)]
    await fault(at, 'timeout_after_send')
    await tellProvider(service, 'faults', { to: lost.customer, mode: 'timeout_after_send', delayMs: 50 })
    const poisoned = await at.reply('poison')
    const other = await lost.reply('Lost')
    for (const { id } of [poisoned, other]) await answerIsLost(id)
    mend = await poison(service, 'messages', { on: 'UPDATE', when: `NEW.text = 'poison'` })

    clock.forward(seconds(70))
    await lost.becomes(other.id, 'unknown')
    const { id } = await free.reply('Free')
    await free.becomes(id, 'sent')
    const meanwhile = await rowOf(poisoned.id)
    await mend()

    expect(meanwhile.status).toBe('sending')
    await afterAWhile(at, poisoned.id, 'unknown')
  })

  it('for a list that does not answer holds up nothing that is to be sent', async () => {
    await reports(false)
    const at = await desk('twilio sms')
    const free = await another(at)
    await fault(at, 'timeout_before_send')
    const accountId = at.number.credentials['accountSid']
    await tellProvider(service, 'faults', { accountId, on: 'read', mode: 'delay', delayMs: 15_000 })
    const lost = await at.reply('Lost')
    await answerIsLost(lost.id)

    clock.forward(seconds(6))
    await eventually(
      () => rowOf(lost.id),
      ({ dueAt }) => (dueAt?.getTime() ?? 0) > clock.now().getTime(),
    )
    const { id } = await free.reply('Free')

    await free.becomes(id, 'sent')
  })

  it.each(['twilio sms', 'telesign sms'] as const)(
    'because its account is gone (%s) becomes unknown, so that a person decides',
    async (kind) => {
      await reports(false)
      const at = await desk(kind)
      await fault(at, 'timeout_after_send')
      const { id } = await at.reply('Perhaps')
      await answerIsLost(id)
      await runSql(service, 'UPDATE messages SET account_id = $2 WHERE id = $1', [id, newId()])

      clock.forward(seconds(61))

      const unknown = await at.becomes(id, 'unknown')
      expect(unknown.error.message).toContain('resend or dismiss')
    },
  )
})

it.each(['twilio sms', 'telesign sms'] as const)(
  'a reply whose number and account were deleted while its answer was lost (%s) does not stay "sending"',
  async (kind) => {
    await reports(false)
    const at = await desk(kind)
    await fault(at, 'timeout_before_send')
    const { id } = await at.reply('Perhaps')
    await answerIsLost(id)
    await done(at.org.admin.delete(`/v1/channel-numbers/${at.number.id}`), 204)
    await done(at.org.admin.delete(`/v1/channel-accounts/${at.number.accountId}`), 204)

    clock.forward(seconds(61))

    // Twilio's list shows that it was not sent, and now it may not be; Telesign has none, so a person decides
    const settled = await at.becomes(id, kind === 'twilio sms' ? 'failed' : 'unknown')
    expect(settled.error.code).toBe(kind === 'twilio sms' ? 'channel_disabled' : 'outcome_unknown')
    expect(at.sent()).toEqual([])
  },
)

it('a reply through an account that was deleted is failed before any call', async () => {
  const at = await desk('twilio sms')
  await runSql(service, 'UPDATE channel_accounts SET deleted_at = now() WHERE id = $1', [at.number.accountId])

  const { id } = await at.reply('Too late')

  const failed = await at.becomes(id, 'failed')
  expect(failed.error).toMatchObject({ code: 'account_misconfigured' })
  expect(failed.error.message).toContain('deleted')
  expect(at.sent()).toEqual([])
})
