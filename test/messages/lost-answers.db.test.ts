import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { minutes, seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { done } from '../support/organization.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { runSql } from '../support/sql.js'
import { troubledSending } from '../support/troubled-sending.js'

const clock = new TestClock()
let service: TestService

beforeAll(async () => {
  service = await startService({ clock })
  await tellProvider(service, 'settings', { reportDelayMs: 10 })
})
beforeEach(async () => {
  clock.backToNow()
  await reports(true)
})
afterAll(() => service.close())

const { desk, fault, reports, rowOf, answerIsLost } = troubledSending(() => service, clock)

describe('a lost answer of Twilio', () => {
  it.each(['timeout_after_send', 'reset_after_send', 'malformed'])(
    '(%s) is settled by a delivery report, and nothing is sent again',
    async (mode) => {
      const at = await desk('twilio sms')
      await fault(at, mode)

      const { id } = await at.reply('Once')

      const delivered = await at.becomes(id, 'delivered')
      expect(delivered.providerMessageId).toMatch(/^SM/)
      expect(at.sent()).toEqual(['Once'])
    },
  )

  it.each(['timeout_after_send', 'reset_after_send', 'malformed'])(
    '(%s) without any report is found in Twilio’s list, and nothing is sent again',
    async (mode) => {
      await reports(false)
      const at = await desk('twilio sms')
      const before = await at.reply('The same words')
      await at.becomes(before.id, 'sent')
      await fault(at, mode)
      const { id } = await at.reply('The same words')
      await answerIsLost(id)

      clock.forward(seconds(6))

      const sent = await at.becomes(id, 'sent')
      expect(sent.providerMessageId).not.toBe((await at.becomes(before.id, 'sent')).providerMessageId)
      expect(at.sent()).toEqual(['The same words', 'The same words'])
    },
  )

  it.each(['timeout_before_send', 'http_500'])(
    '(%s) that never was sent is sent again after 60 seconds, once',
    async (mode) => {
      const at = await desk('twilio whatsapp')
      await fault(at, mode)
      const { id } = await at.reply('Once')
      await answerIsLost(id)

      clock.forward(seconds(30))
      const early = await eventually(
        () => rowOf(id),
        ({ dueAt }) => (dueAt?.getTime() ?? 0) > clock.now().getTime(),
      )
      clock.forward(seconds(31))

      await at.becomes(id, 'read')
      expect(early).toMatchObject({ status: 'sending', attempts: 1 })
      expect(at.sent()).toEqual(['Once'])
    },
  )

  it('holds back the next message of the customer and nobody else’s', async () => {
    const at = await desk('twilio sms')
    await fault(at, 'timeout_before_send')
    const first = await at.reply('First')
    await answerIsLost(first.id)

    const second = await at.reply('Second')
    const other = await at.org.acceptedConversation(at.agent, at.number)
    const free = (
      await done(at.org.as(at.agent).post(`/v1/conversations/${other.id}/messages`, { text: 'Hello' }), 202)
    ).body
    await at.org.message(other.id, free.id, ({ status }) => status === 'delivered')
    const meanwhile = await rowOf(second.id)
    clock.forward(seconds(61))

    await at.becomes(second.id, 'delivered')
    expect(meanwhile.status).toBe('queued')
    expect(at.sent()).toEqual(['First', 'Second'])
  })

  it('again and again is given up, so that a person learns of it', async () => {
    const at = await desk('twilio sms')
    await fault(at, 'http_500', { times: 0 })
    const { id } = await at.reply('Hopeless')

    await answerIsLost(id)
    // As if it had been tried for minutes
    await runSql(service, 'UPDATE messages SET attempts = 5 WHERE id = $1', [id])
    clock.forward(seconds(61))
    await answerIsLost(id, 6)
    clock.forward(seconds(61))

    const failed = await at.becomes(id, 'failed')
    expect(failed.error.code).toBe('provider_unreachable')
    expect(at.sent()).toEqual([])
  })

  it('whose list cannot be read either becomes unknown after ten minutes', async () => {
    const at = await desk('twilio sms')
    await fault(at, 'timeout_before_send')
    const accountId = at.number.credentials['accountSid']
    await tellProvider(service, 'faults', { accountId, on: 'read', mode: 'http_500', times: 0 })
    const { id } = await at.reply('Who knows')
    await answerIsLost(id)

    clock.forward(minutes(11))

    const unknown = await at.becomes(id, 'unknown')
    expect(unknown.error.code).toBe('outcome_unknown')
  })
})
