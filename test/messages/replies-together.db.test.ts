import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newId } from '../../src/lib/ids.js'
import { type ReplyDesk, replyDesk } from '../support/reply.js'
import { eventually, startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

let service: TestService
let desk: ReplyDesk

beforeAll(async () => {
  service = await startService()
  desk = await replyDesk(service, 'twilio sms')
})
afterAll(() => service.close())

const texts = (count: number, of: string) => Array.from({ length: count }, (_, index) => `${of} ${index + 1}`)

describe('replies that are sent at the same moment', () => {
  it('are each taken once, and each answered with its own message', async () => {
    const wanted = texts(40, 'Together')

    const answers = await Promise.all(wanted.map((text) => desk.post({ text })))

    expect(answers.map(({ status }) => status)).toEqual(wanted.map(() => 202))
    expect(answers.map(({ body }) => body.text)).toEqual(wanted)
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(40)
    const sent = await eventually(
      async () => desk.sent(),
      ({ length }) => length >= wanted.length,
    )
    expect(sent.toSorted()).toEqual(wanted.toSorted())
  })

  it('and one that may not be sent is refused without holding up the others', async () => {
    const calls = [
      desk.post({ text: 'One' }),
      desk.org.as(desk.agent).post(`/v1/conversations/${newId()}/messages`, { text: 'Nowhere' }),
      desk.post({ text: 'Two', media: [{ id: newId() }] }),
      desk.post({ text: 'Three' }),
    ]

    const answers = await Promise.all(calls)

    expect(answers.map(({ status }) => status)).toEqual([202, 404, 422, 202])
    expect(answers[2]?.body.code).toBe('attachments_disabled')
  })

  it('and one that the database will not store fails alone', async () => {
    await runSql(service, `ALTER TABLE messages ADD CONSTRAINT no_poison CHECK (text <> 'Poison')`)

    const answers = await Promise.all(['Before', 'Poison', 'After'].map((text) => desk.post({ text })))

    await runSql(service, 'ALTER TABLE messages DROP CONSTRAINT no_poison')
    expect(answers.map(({ status }) => status)).toEqual([202, 500, 202])
  })

  it('with the same Idempotency-Key are one', async () => {
    const headers = { 'idempotency-key': 'one of many' }

    const answers = await Promise.all(texts(8, 'Same').map(() => desk.post({ text: 'Only once' }, headers)))

    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1)
    await desk.becomes(answers[0]?.body.id, 'sent')
    expect(desk.sent().filter((text) => text === 'Only once')).toHaveLength(1)
  })
})
