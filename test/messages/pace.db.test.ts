import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AccountSecrets } from '../../src/channels/account-secrets.js'
import { SecretBox } from '../../src/lib/secret-box.js'
import { MediaLinks } from '../../src/messages/media-links.js'
import { SendService } from '../../src/messages/send-service.js'
import { Settlement } from '../../src/messages/settlement.js'
import { TestClock } from '../support/clock.js'
import { type ChannelKind, done, type TestOrganization } from '../support/organization.js'
import { type ReplyDesk, replyDesk } from '../support/reply.js'
import { countSends, queueReplies } from '../support/reply-queue.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'
import { runSql } from '../support/sql.js'

const clock = new TestClock()
let service: TestService

/** What one worker process has in its memory: nothing, at its start. Two of them share the database alone. */
function startWorker(): SendService {
  const { db, providers, log, settings } = service.parts
  const secrets = new AccountSecrets(new SecretBox(settings.encryptionKeys), settings.publicUrl)
  const links = new MediaLinks(settings.publicUrl, settings.encryptionKeys, clock)
  const settlement = new Settlement({ db, clock, providers, secrets, log })
  return new SendService({ db, clock, providers, secrets, links, log }, settlement)
}

/** The workers of one test, which look at what is due when they are told to, and all at once. */
function startWorkers(count: number) {
  const workers = Array.from({ length: count }, startWorker)
  return {
    async look({ org }: ReplyDesk, times = 2) {
      for (let time = 0; time < times; time++)
        await Promise.all(workers.map((worker) => worker.drain(org.id)))
    },
    stop: () => Promise.all(workers.map((worker) => worker.finish())),
  }
}

const claimed = async (desk: ReplyDesk): Promise<number> => {
  const { sending, sent } = await countSends(service, desk)
  return sending + sent
}

/** A desk whose number sends at this rate, or at that of its kind. */
const paced = (kind: ChannelKind, options: { messagesPerSecond?: number; type?: string } = {}) =>
  replyDesk(service, kind, { messagesPerSecond: undefined, ...options })

let longCode: ReplyDesk
let tollFree: ReplyDesk
let whatsapp: ReplyDesk
let changed: ReplyDesk
let slow: ReplyDesk
let old: ReplyDesk
let waiting: ReplyDesk

// The desks are set up by a whole service. Then its own workers stop, so that nobody sends but those of a test
beforeAll(async () => {
  service = await startService({ clock })
  await tellProvider(service, 'settings', { reports: false })
  longCode = await paced('twilio sms')
  tollFree = await paced('telesign sms', { type: 'toll_free' })
  whatsapp = await paced('twilio whatsapp')
  changed = await paced('twilio sms')
  slow = await paced('twilio sms', { messagesPerSecond: 1000 })
  old = await paced('twilio sms', { messagesPerSecond: 1000 })
  waiting = await paced('twilio sms', { messagesPerSecond: 1000 })
  await service.parts.jobs.stop()
})
beforeEach(() => clock.holdAt(new Date()))
afterAll(() => service.close())

const queue = (desk: ReplyDesk, conversations: number, each = 1) =>
  queueReplies(service, desk, { conversations, each, at: clock.now() })

describe('a number', () => {
  it('that is a long code sends one message a second, whoever looks and however often', async () => {
    const workers = startWorkers(2)
    await queue(longCode, 5)

    await workers.look(longCode, 5)
    const atOnce = await claimed(longCode)
    clock.forward(999)
    await workers.look(longCode, 5)
    const tooEarly = await claimed(longCode)
    clock.forward(1)
    await workers.look(longCode, 5)
    const inTime = await claimed(longCode)
    await workers.stop()

    expect([atOnce, tooEarly, inTime]).toEqual([1, 1, 2])
  })

  it('sends no faster after its workers were replaced', async () => {
    await queue(tollFree, 5)
    const counts: number[] = []

    for (const step of [0, 333, 1, 0]) {
      clock.forward(step)
      const worker = startWorkers(1)
      await worker.look(tollFree)
      await worker.stop()
      counts.push(await claimed(tollFree))
    }

    expect(counts).toEqual([1, 1, 2, 2])
  })

  it('of WhatsApp sends eighty messages a second, and two workers do not make it more', async () => {
    const [one, two] = [startWorkers(1), startWorkers(1)]
    await queue(whatsapp, 120)

    for (let step = 0; step < 20; step++) {
      await one.look(whatsapp, 1)
      clock.forward(25)
      await two.look(whatsapp, 1)
      clock.forward(25)
    }
    const inOneSecond = await claimed(whatsapp)
    await Promise.all([one.stop(), two.stop()])

    expect(inOneSecond).toBeLessThanOrEqual(80)
    expect(inOneSecond).toBeGreaterThanOrEqual(72)
  }, 60_000)

  it('sends at its new rate as soon as that is changed', async () => {
    const workers = startWorkers(1)
    await queue(changed, 10)
    await workers.look(changed)
    await done(
      changed.org.admin.patch(`/v1/channel-numbers/${changed.number.id}`, { messagesPerSecond: 4 }),
      200,
    )
    clock.forward(1000)
    await workers.look(changed)

    const counts: number[] = []
    for (let step = 0; step < 3; step++) {
      clock.forward(250)
      await workers.look(changed)
      counts.push(await claimed(changed))
    }
    await workers.stop()

    expect(counts).toEqual([3, 4, 5])
  })
})

describe('an account whose provider is slow', () => {
  it('has a bounded number of calls under way, and another account’s messages go on', async () => {
    const { org } = slow
    const workers = startWorkers(2)
    const other = await otherAccount(org)
    await tellProvider(service, 'faults', {
      accountId: slow.number.credentials['accountSid'],
      mode: 'delay',
      delayMs: 10_000,
      times: 0,
    })
    await queue(slow, 50)

    for (let step = 0; step < 4; step++) {
      await workers.look(slow)
      clock.forward(100)
    }
    const held = await countSends(service, slow)
    await queueReplies(service, { id: other.conversationId }, { conversations: 1, at: clock.now() })
    await workers.look(slow)
    const sent = await eventually(
      () => countSends(service, other),
      (counts) => counts.sent === 1,
    )
    const meanwhile = await countSends(service, slow)
    await fetch(`${service.simulator.url}/faults`, { method: 'DELETE' })
    await eventually(
      async () => {
        await workers.look(slow, 1)
        clock.forward(100)
        return countSends(service, slow)
      },
      (counts) => counts.sent === 50,
      60_000,
    )
    await workers.stop()

    expect(held).toEqual({ queued: 18, sending: 32, sent: 0 })
    expect(sent).toEqual({ queued: 0, sending: 0, sent: 1 })
    expect(meanwhile.sending).toBeLessThanOrEqual(32)
  }, 90_000)

  /** A number of another account of the organization, with a conversation like the desk's. */
  async function otherAccount(org: TestOrganization) {
    const number = await org.addNumber('twilio sms')
    const [copy] = await runSql<{ id: string }>(
      service,
      `INSERT INTO conversations SELECT (jsonb_populate_record(c, jsonb_build_object('id', gen_random_uuid(),
         'held_units', 0, 'account_id', $2::text, 'number_id', $3::text, 'business_number', $4::text))).*
       FROM conversations c WHERE c.id = $1 RETURNING id`,
      [slow.id, number.accountId, number.id, number.number],
    )
    return { number, conversationId: copy?.id ?? '' }
  }
})

describe('messages of one conversation', () => {
  it('are due one after the other: what waits is not looked at', async () => {
    const workers = startWorkers(1)
    await queue(waiting, 1, 4)
    const dueTimes = () =>
      runSql<{ isDue: boolean }>(
        service,
        `SELECT m.due_at IS NOT NULL AS "isDue" FROM messages m JOIN conversations c ON c.id = m.conversation_id
         WHERE c.number_id = $1 AND m.direction = 'outbound' ORDER BY m.seq`,
        [waiting.number.id],
      ).then((rows) => rows.map(({ isDue }) => isDue))

    const before = await dueTimes()
    await workers.look(waiting)
    await eventually(
      () => countSends(service, waiting),
      ({ sent }) => sent >= 1,
    )
    await eventually(
      async () => {
        await workers.look(waiting)
        return countSends(service, waiting)
      },
      ({ sent }) => sent === 4,
    )
    await workers.stop()

    expect(before).toEqual([true, false, false, false])
    expect(service.simulator.sent().filter(({ number }) => number === waiting.number.number)).toMatchObject(
      ['Queued 1', 'Queued 2', 'Queued 3', 'Queued 4'].map((text) => ({ text })),
    )
  })

  it('are sent where a version before this one has queued them', async () => {
    const workers = startWorkers(1)
    await queue(old, 1)
    await runSql(
      service,
      `INSERT INTO messages (org_id, id, conversation_id, account_id, direction, kind, author_type, text, status, created_at, due_at)
       SELECT m.org_id, gen_random_uuid(), m.conversation_id, m.account_id, 'outbound', 'text', 'agent', 'From before', 'queued',
         m.created_at, m.due_at
       FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE c.number_id = $1 AND m.status = 'queued'`,
      [old.number.id],
    )

    await eventually(
      async () => {
        await workers.look(old)
        return countSends(service, old)
      },
      ({ sent }) => sent === 2,
    )
    await workers.stop()
  })
})
