import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  createCaller,
  createOrganization,
  expectProblem,
  type TestOrganization,
  unknownId,
} from '../support/administration.js'
import { createConversation, createNumber } from '../support/channel-number.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await createOrganization(service)
})
afterAll(() => service.close())

const ada = {
  name: 'Ada Lovelace',
  mobilePhone: '14252306549',
  email: 'ada@example.com',
  attributes: { tier: 'gold', orders: 3, vip: true },
  addresses: [
    { channel: 'whatsapp', address: 'US.13491208655302741918' },
    { channel: 'sms', address: '12065550100' },
  ],
}

describe('a new contact', () => {
  it('is active, and its numbers are kept in E.164', async () => {
    const made = await org.admin.post('/v1/contacts', ada)

    const { warnings, ...contact } = made.body
    expect(made.status).toBe(201)
    expect(warnings).toEqual([])
    expect(contact).toEqual({
      ...ada,
      id: expect.any(String),
      mobilePhone: '+14252306549',
      addresses: expect.arrayContaining([
        { channel: 'whatsapp', address: 'US.13491208655302741918' },
        { channel: 'sms', address: '+12065550100' },
      ]),
      active: true,
      preferredAgentIds: [],
      createdAt: expect.any(String),
      updatedAt: contact.createdAt,
    })
    expect((await org.admin.get(`/v1/contacts/${contact.id}`)).body).toEqual(contact)
  })

  it('needs a name and nothing else', async () => {
    const made = await org.admin.post('/v1/contacts', { name: 'Bob' })

    expect(made.body).toMatchObject({ mobilePhone: null, email: null, attributes: {}, addresses: [] })
    expectProblem(await org.admin.post('/v1/contacts', {}), 422, 'validation_failed')
  })

  it('with an implausible number is taken with a warning', async () => {
    const made = await org.admin.post('/v1/contacts', { name: 'Far away', mobilePhone: '999123' })

    expect(made.status).toBe(201)
    expect(made.body.mobilePhone).toBe('+999123')
    expect(made.body.warnings).toEqual([expect.stringContaining('+999123')])
  })

  it.each(['+1 425 230 6549', '(425)2306549', '0x14252306549', '12', '1234567890123456', ''])(
    'is refused with the phone number "%s", naming the format',
    async (mobilePhone) => {
      const answer = await org.admin.post('/v1/contacts', { name: 'A', mobilePhone })

      const problem = expectProblem(answer, 422, 'validation_failed')
      expect(problem['errors']).toMatchObject([
        { path: 'mobilePhone', message: expect.stringContaining('14252306549') },
      ])
    },
  )

  it.each([
    ['an e-mail address that is none', { email: 'nobody' }],
    ['a field that does not exist', { phone: '14252306549' }],
    ['a text where true or false belongs', { active: 'yes' }],
    ['an attribute that is an object', { attributes: { nested: { a: 1 } } }],
    ['a NUL in the name of an attribute', { attributes: { 'a\u0000b': 1 } }],
    ['an attribute that is too long', { attributes: { long: 'x'.repeat(4001) } }],
    [
      'too many attributes',
      { attributes: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [n, 1])) },
    ],
    ['an address of an unknown channel', { addresses: [{ channel: 'fax', address: '14252306549' }] }],
    ['an address with blanks', { addresses: [{ channel: 'sms', address: '+1 425' }] }],
    ['an address without an address', { addresses: [{ channel: 'whatsapp' }] }],
  ])('is refused with %s', async (_what, fields) => {
    const answer = await org.admin.post('/v1/contacts', { name: 'A', ...fields })

    expectProblem(answer, 422, 'validation_failed')
  })
})

describe('a changed contact', () => {
  it('keeps what is not named, and loses what is set to null', async () => {
    const { id } = (await org.admin.post('/v1/contacts', ada)).body

    const changed = await org.admin.patch(`/v1/contacts/${id}`, { email: null, active: false })

    expect(changed.status).toBe(200)
    expect(changed.body).toMatchObject({
      name: ada.name,
      mobilePhone: '+14252306549',
      email: null,
      active: false,
      attributes: ada.attributes,
    })
    expect(changed.body.addresses).toHaveLength(2)
  })

  it('has the attributes and addresses of the last change, not those before', async () => {
    const { id } = (await org.admin.post('/v1/contacts', ada)).body
    const addresses = [{ channel: 'sms', address: '+13605550199' }]

    const changed = await org.admin.patch(`/v1/contacts/${id}`, { attributes: { tier: 'silver' }, addresses })

    expect(changed.body).toMatchObject({ attributes: { tier: 'silver' }, addresses })
    expect((await org.admin.get(`/v1/contacts/${id}`)).body.addresses).toEqual(addresses)
  })

  it('may name one address twice', async () => {
    const { id } = (await org.admin.post('/v1/contacts', { name: 'Twice' })).body

    const changed = await org.admin.patch(`/v1/contacts/${id}`, {
      addresses: [
        { channel: 'sms', address: '+13605550199' },
        { channel: 'sms', address: '13605550199' },
      ],
    })

    expect(changed.body.addresses).toEqual([{ channel: 'sms', address: '+13605550199' }])
  })
})

describe('contacts are found', () => {
  it('by mobile phone, with or without the plus', async () => {
    const own = await createOrganization(service)
    const { id } = (await own.admin.post('/v1/contacts', ada)).body
    await own.admin.post('/v1/contacts', { name: 'Bob', mobilePhone: '+14252306540' })

    for (const written of ['14252306549', '+14252306549', '%2B14252306549']) {
      const found = await own.admin.get(`/v1/contacts?mobilePhone=${written}`)
      expect(found.body.data.map((contact: { id: string }) => contact.id)).toEqual([id])
    }
    expectProblem(await own.admin.get('/v1/contacts?mobilePhone=42%205'), 422, 'validation_failed')
  })

  it.each(['lovelace', 'ADA@', '2306549', '%2B1425', 'Ada%20L'])('by the part "%s"', async (part) => {
    const own = await createOrganization(service)
    const { id } = (await own.admin.post('/v1/contacts', ada)).body
    await own.admin.post('/v1/contacts', { name: 'Bob', email: 'bob@example.com' })

    const found = await own.admin.get(`/v1/contacts?q=${part}`)

    expect(found.body.data.map((contact: { id: string }) => contact.id)).toEqual([id])
  })

  it('by signs that mean something to the database only where they are written', async () => {
    const own = await createOrganization(service)
    await own.admin.post('/v1/contacts', { name: 'Bob' })
    const { id } = (await own.admin.post('/v1/contacts', { name: '100%_sure\\' })).body

    for (const part of ['%25', '_', '%5C', '100%25_']) {
      const found = await own.admin.get(`/v1/contacts?q=${part}`)
      expect(found.body.data.map((contact: { id: string }) => contact.id)).toEqual([id])
    }
  })

  it('page by page, each once although others are added meanwhile', async () => {
    const own = await createOrganization(service)
    const made: string[] = []
    for (const name of ['A', 'B', 'C', 'D', 'E']) {
      made.unshift((await own.admin.post('/v1/contacts', { name })).body.id)
    }

    const first = await own.admin.get('/v1/contacts?limit=2')
    await own.admin.post('/v1/contacts', { name: 'F' })
    const second = await own.admin.get(`/v1/contacts?limit=2&cursor=${first.body.nextCursor}`)
    const third = await own.admin.get(`/v1/contacts?limit=2&cursor=${second.body.nextCursor}`)

    const walked = [first, second, third].flatMap(({ body }) => body.data)
    expect(walked.map(({ id }) => id)).toEqual(made)
    expect(third.body.nextCursor).toBeNull()
  })

  it.each(['limit=0', 'limit=101', 'limit=ten', 'cursor=nonsense', 'cursor=WyJhIl0', 'q='])(
    'but not with ?%s',
    async (query) => {
      expectProblem(await org.admin.get(`/v1/contacts?${query}`), 422, 'validation_failed')
    },
  )
})

describe('a deleted contact', () => {
  it('is gone with its addresses', async () => {
    const { id } = (await org.admin.post('/v1/contacts', ada)).body

    const deleted = await org.admin.delete(`/v1/contacts/${id}`)

    expect(deleted.status).toBe(204)
    expectProblem(await org.admin.get(`/v1/contacts/${id}`), 404, 'not_found')
    expectProblem(await org.admin.delete(`/v1/contacts/${id}`), 404, 'not_found')
  })

  it('is refused while a conversation is linked to it, saying what to do instead', async () => {
    const own = await createOrganization(service)
    const { id } = (await own.admin.post('/v1/contacts', ada)).body
    const numberId = await createNumber(service, own.id, 'sms')
    await createConversation(service, own.id, numberId, { contactId: id })

    const answer = await own.admin.delete(`/v1/contacts/${id}`)

    expect(expectProblem(answer, 409, 'conflict')['detail']).toContain('active')
    expect((await own.admin.get(`/v1/contacts/${id}`)).body.addresses).toHaveLength(2)
  })
})

describe('contacts by role and organization', () => {
  it('are written by agents too', async () => {
    const { caller } = await createCaller(service, org, 'agent')

    const { id } = (await caller.post('/v1/contacts', { name: 'Bob' })).body

    expect((await caller.patch(`/v1/contacts/${id}`, { name: 'Bobby' })).body.name).toBe('Bobby')
    expect((await caller.delete(`/v1/contacts/${id}`)).status).toBe(204)
  })

  it('of another organization do not exist', async () => {
    const other = await createOrganization(service)
    const { id } = (await org.admin.post('/v1/contacts', ada)).body

    expectProblem(await other.admin.get(`/v1/contacts/${id}`), 404, 'not_found')
    expectProblem(await other.admin.patch(`/v1/contacts/${id}`, { name: 'Mine' }), 404, 'not_found')
    expectProblem(await other.admin.delete(`/v1/contacts/${id}`), 404, 'not_found')
    expect((await other.admin.get('/v1/contacts?q=Ada')).body.data).toEqual([])
    expectProblem(await other.admin.get(`/v1/contacts/${unknownId}`), 404, 'not_found')
  })
})
