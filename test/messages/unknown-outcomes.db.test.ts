import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { seconds } from '../../src/lib/clock.js'
import { TestClock } from '../support/clock.js'
import { done, refused } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { telesignReports } from '../support/telesign-report.js'
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

const { desk, fault, reports, answerIsLost } = troubledSending(() => service, clock)

describe('a lost answer of Telesign', () => {
  async function unknownMessage() {
    await reports(false)
    const at = await desk('telesign sms')
    await fault(at, 'timeout_after_send')
    const { id } = await at.reply('Perhaps')
    await answerIsLost(id)
    clock.forward(seconds(61))
    const unknown = await at.becomes(id, 'unknown')
    await reports(true)
    const decide = (call: 'resend' | 'dismiss') =>
      at.org.as(at.agent).post(`/v1/conversations/${at.id}/messages/${id}/${call}`)
    return { at, id, unknown, decide }
  }

  it('is settled by a delivery report, which carries our id', async () => {
    const at = await desk('telesign sms')
    await fault(at, 'reset_after_send')

    const { id } = await at.reply('Once')

    await at.becomes(id, 'delivered')
    expect(at.sent()).toEqual(['Once'])
  })

  it('without a report becomes unknown, and nothing is sent on a guess', async () => {
    const { at, unknown } = await unknownMessage()

    expect(unknown.error).toMatchObject({ code: 'outcome_unknown', providerCode: null })
    expect(unknown.error.message).toContain('resend or dismiss')
    expect(at.sent()).toEqual(['Perhaps'])
  })

  it('is sent again when a person says so, and only once', async () => {
    const { at, id, decide } = await unknownMessage()

    const answers = await Promise.all([decide('resend'), decide('resend')])

    await at.becomes(id, 'delivered')
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
    expect(at.sent()).toEqual(['Perhaps', 'Perhaps'])
  })

  it('is left alone when a person dismisses it', async () => {
    const { at, decide } = await unknownMessage()

    const { body } = await done(decide('dismiss'), 200)

    expect(body).toMatchObject({ status: 'failed', error: { code: 'dismissed' } })
    await refused(decide('dismiss'), 409, 'invalid_transition')
    expect(at.sent()).toEqual(['Perhaps'])
  })

  it('a report that comes after all settles it', async () => {
    const { at, id } = await unknownMessage()
    const sent = service.simulator.sent().find(({ customer }) => customer === at.customer)

    await telesignReports(at.number, {
      reference_id: sent?.id,
      external_id: id,
      sub_resource: 'sms',
      status: { code: 200, description: 'Delivered to handset' },
      errors: [],
    })

    await at.becomes(id, 'delivered')
  })

  it('what was sent and delivered is neither resent nor dismissed', async () => {
    const at = await desk('telesign sms')
    const { id } = await at.reply('Hello')
    await at.becomes(id, 'delivered')

    for (const call of ['resend', 'dismiss'])
      await refused(
        at.org.as(at.agent).post(`/v1/conversations/${at.id}/messages/${id}/${call}`),
        409,
        'invalid_transition',
      )
  })
})
