import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../support/api-call.js'
import { TestClock } from '../support/clock.js'
import { done, newCustomer, refused, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

const clock = new TestClock()
let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ clock })
})

afterAll(() => service.close())

async function newOrganization(): Promise<void> {
  org = await TestOrganization.create(service)
}

const log = async (query = '') => (await done(org.admin.get(`/v1/audit-log?${query}`), 200)).body.data
const actionsOf = (entries: { action: string }[]) => entries.map(({ action }) => action)

describe('a change', () => {
  it('is written down with who, what, when, from where, before and after', async () => {
    await newOrganization()
    const agent = await org.addAgent({ name: 'Sam', role: 'supervisor' })
    const other = await org.addAgent({ capacityUnits: 3 })
    const now = new Date(Date.now() + 60_000)
    clock.holdAt(now)

    const answer = await call(service, {
      method: 'PATCH',
      path: `/v1/agents/${other.id}`,
      key: agent.key,
      body: { capacityUnits: 7 },
      headers: { 'user-agent': `Console/1.0 ${'x'.repeat(500)}`, 'x-forwarded-for': '203.0.113.9' },
    })
    clock.backToNow()

    expect(answer.status).toBe(200)
    const [entry] = await log('action=agent.changed')
    expect(entry).toMatchObject({
      at: now.toISOString(),
      action: 'agent.changed',
      subject: { kind: 'agent', id: other.id },
      actor: { kind: 'agent_token', id: agent.id, role: 'supervisor', name: 'Sam' },
      address: '127.0.0.1',
      forwardedFor: '203.0.113.9',
      before: { id: other.id, capacityUnits: 3 },
      after: { id: other.id, capacityUnits: 7 },
    })
    expect(entry.userAgent).toMatch(/^Console\/1\.0 x+$/)
    expect(entry.userAgent).toHaveLength(200)
    expect(entry.requestId).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('keeps the name that the actor had at the time', async () => {
    await newOrganization()
    const agent = await org.addAgent({ name: 'Before', role: 'admin' })
    await done(org.as(agent).post('/v1/queues', { name: 'Orders' }), 201)
    await done(org.admin.patch(`/v1/agents/${agent.id}`, { name: 'After' }), 200)

    const [entry] = await log('action=queue.created')

    expect(entry.actor.name).toBe('Before')
  })

  it('that is refused leaves none', async () => {
    await newOrganization()
    const queue = await org.addQueue('Taken')
    const before = await log()

    await refused(org.admin.post('/v1/queues', { name: 'Taken' }), 409, 'conflict')
    await refused(org.admin.patch(`/v1/queues/${queue}`, { name: '' }), 422, 'validation_failed')
    await refused(org.admin.delete(`/v1/queues/${await org.defaultQueue()}`), 409, 'conflict')

    expect(await log()).toEqual(before)
  })

  it('that is not written down does not happen', async () => {
    await newOrganization()
    const queue = await org.addQueue('Orders')
    await runSql(service, 'REVOKE INSERT ON audit_log FROM parley_app')

    const answers = await Promise.all([
      org.admin.patch(`/v1/queues/${queue}`, { name: 'Changed' }),
      org.admin.get('/v1/quarantine'),
    ])
    await runSql(service, 'GRANT INSERT ON audit_log TO parley_app')

    expect(answers.map(({ status }) => status)).toEqual([500, 500])
    const { body } = await done(org.admin.get(`/v1/queues/${queue}`), 200)
    expect(body.name).toBe('Orders')
  })

  it('of an idempotent call that is repeated is written down once', async () => {
    await newOrganization()
    const create = () => org.admin.post('/v1/queues', { name: 'Once' }, { 'idempotency-key': 'once' })

    const answers = await Promise.all([create(), create()])
    await create()

    expect(answers.map(({ status }) => status)).toEqual([201, 201])
    expect(await log('action=queue.created')).toHaveLength(1)
  })

  it('that follows another at the same moment begins with what that one left', async () => {
    await newOrganization()
    const queue = await org.addQueue('Name 0')

    await Promise.all(
      Array.from({ length: 8 }, (_, n) => org.admin.patch(`/v1/queues/${queue}`, { name: `Name ${n + 1}` })),
    )

    const entries = await log('action=queue.changed')
    const names = (side: 'before' | 'after') =>
      entries.map((entry: Record<'before' | 'after', { name: string }>) => entry[side].name).toSorted()
    const { body } = await done(org.admin.get(`/v1/queues/${queue}`), 200)
    expect([...names('before'), body.name].toSorted()).toEqual(['Name 0', ...names('after')].toSorted())
  })

  it('of enormous size leaves its size and digest, so that a page stays small', async () => {
    await newOrganization()
    const { body: workstreams } = await done(org.admin.get('/v1/workstreams'), 200)
    const queueId = await org.defaultQueue()
    const when = { field: 'firstMessage.text', op: 'contains', value: 'x'.repeat(1600) }
    const rules = Array.from({ length: 50 }, (_, n) => ({ name: `Rule ${n}`, when, queueId }))

    await done(org.admin.put(`/v1/workstreams/${workstreams.data[0].id}/routing-rules`, { rules }), 200)

    const [entry] = await log('action=workstream.rules_replaced')
    expect(entry.before).toEqual({ rules: [] })
    expect(entry.after.tooLarge).toEqual({
      characters: expect.any(Number),
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
  })
})

describe('secrets and texts', () => {
  it('are in no entry', async () => {
    await newOrganization()
    const number = await org.addNumber('twilio sms')
    const agent = await org.addAgent()
    const conversation = await org.acceptedConversation(agent, number, newCustomer())
    await done(
      org.as(agent).post(`/v1/conversations/${conversation.id}/messages`, { text: 'A word in private' }),
      202,
    )
    await org.messages(conversation.id)
    const { body: key } = await done(org.admin.post('/v1/api-keys', { name: 'New', role: 'admin' }), 201)
    const accountSid = number.credentials['accountSid'] ?? ''
    const credentials = { accountSid, authToken: `${'f'.repeat(28)}abcd` }
    await done(org.admin.patch(`/v1/channel-accounts/${number.accountId}`, { credentials }), 200)

    const rows = await runSql(service, 'SELECT * FROM audit_log WHERE org_id = $1', [org.id])

    const everything = JSON.stringify(rows)
    const token = new URL(number.callbackUrl).pathname.split('/').at(-1) ?? ''
    for (const secret of [
      key.key,
      agent.key,
      org.adminKey,
      token,
      number.credentials['authToken'] ?? '',
      credentials.authToken,
      'A word in private',
      'Hello',
    ])
      expect(everything.includes(secret), secret).toBe(false)
    const [entry] = await log('action=channel_account.changed')
    expect(entry.after.credentials).toEqual({
      accountSid,
      authToken: '••••abcd',
    })
  })
})

describe('the reading of a transcript', () => {
  it('is written down with its reader, once for each time', async () => {
    await newOrganization()
    const number = await org.addNumber('twilio sms')
    const agent = await org.addAgent()
    const { id } = await org.acceptedConversation(agent, number)
    const stranger = await org.addAgent({ queues: [] })

    await done(org.as(agent).get(`/v1/conversations/${id}/messages`), 200)
    await done(org.as(agent).get(`/v1/conversations/${id}/customer-summary`), 200)
    await refused(org.as(stranger).get(`/v1/conversations/${id}/messages`), 404, 'not_found')

    const entries = await log(`subjectId=${id}`)
    expect(actionsOf(entries)).toEqual(['conversation.summary_read', 'conversation.messages_read'])
    expect(entries[0]).toMatchObject({
      actor: { id: agent.id },
      subject: { kind: 'conversation', id },
      before: null,
      after: null,
    })
  })
})

describe('what the platform does', () => {
  it('stands in the log of the organization, for its admin to read', async () => {
    await newOrganization()
    const operator = service.as(service.platformKey)
    await done(operator.patch(`/v1/organizations/${org.id}`, { suspended: true }), 200)
    await done(operator.patch(`/v1/organizations/${org.id}`, { suspended: false }), 200)

    const [resumed, suspended, created] = await log()

    expect(actionsOf([resumed, suspended, created])).toEqual([
      'organization.changed',
      'organization.changed',
      'organization.created',
    ])
    expect(suspended).toMatchObject({
      actor: { kind: 'platform', id: null, keyId: null, role: null, name: 'Platform' },
      before: { suspended: false },
      after: { suspended: true },
    })
    expect(created).toMatchObject({ before: null, subject: { kind: 'organization', id: org.id } })
    await refused(operator.get('/v1/audit-log'), 403, 'forbidden')
  })
})

describe('the list', () => {
  it('is filtered by actor, action, subject and time, and walked page by page', async () => {
    await newOrganization()
    const agent = await org.addAgent({ role: 'admin' })
    const start = new Date('2027-01-01T00:00:00.000Z')
    clock.holdAt(start)
    const { body: queue } = await done(org.admin.post('/v1/queues', { name: 'Orders' }), 201)
    clock.forward(1000)
    await done(org.admin.patch(`/v1/queues/${queue.id}`, { name: 'Returns' }), 200)
    await done(org.admin.patch(`/v1/queues/${queue.id}`, { name: 'Refunds' }), 200)
    clock.forward(1000)
    const key = await done(org.admin.post('/v1/api-keys', { name: 'Lasting', role: 'admin' }), 201)
    await done(service.as(key.body.key).delete(`/v1/queues/${queue.id}`), 204)
    clock.backToNow()

    const of = async (query: string) => actionsOf(await log(query))

    expect(await of(`subjectId=${queue.id}`)).toEqual([
      'queue.deleted',
      'queue.changed',
      'queue.changed',
      'queue.created',
    ])
    expect(await of(`actorId=${key.body.id}`)).toEqual(['queue.deleted'])
    expect(await of(`actorId=${agent.id}&action=queue.created`)).toEqual([])
    expect(await of('since=2027-01-01T00:00:01.000Z&until=2027-01-01T00:00:02Z')).toEqual([
      'queue.changed',
      'queue.changed',
    ])
    const walked: string[] = []
    let cursor: string | null = ''
    while (cursor !== null) {
      const path = `/v1/audit-log?subjectId=${queue.id}&limit=1${cursor && `&cursor=${cursor}`}`
      const { body }: { body: { data: { id: string }[]; nextCursor: string | null } } = await done(
        org.admin.get(path),
        200,
      )
      walked.push(...body.data.map(({ id }) => id))
      cursor = body.nextCursor
    }
    expect(walked).toEqual((await log(`subjectId=${queue.id}`)).map(({ id }: { id: string }) => id))
    await refused(org.admin.get('/v1/audit-log?action=queue.eaten'), 422, 'validation_failed')
    await refused(org.admin.get('/v1/audit-log?since=0000-01-01T00:00:00Z'), 422, 'validation_failed')
    await refused(org.admin.get('/v1/audit-log?since=yesterday'), 422, 'validation_failed')
  })
})
