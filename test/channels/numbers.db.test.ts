import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { done, refused, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { addAccount, type TestAccount } from './provider-calls.js'

let service: TestService
let org: TestOrganization
let sms: TestAccount
let whatsapp: TestAccount

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await TestOrganization.create(service)
  sms = await addAccount(org)
  whatsapp = await addAccount(org, { channel: 'whatsapp' })
})

afterAll(() => service.close())

const path = '/v1/channel-numbers'
let next = 4252300000
const newNumber = (): string => `1${next++}`

const add = (fields: Record<string, unknown>) =>
  org.admin.post(path, { accountId: sms.id, number: newNumber(), ...fields })

async function workstreams(channel: string) {
  const { body } = await done(org.admin.get('/v1/workstreams?limit=100'), 200)
  return body.data.filter((row: { channel: string }) => row.channel === channel)
}

describe('the form of a number', () => {
  it.each([
    ['digits', '14252306549', '+14252306549'],
    ['a plus and digits', '+14252306550', '+14252306550'],
  ])('%s are taken and shown in E.164', async (_form, number, shown) => {
    const { body } = await done(add({ number }), 201)

    expect(body).toMatchObject({ number: shown, type: 'long_code', warnings: [] })
  })

  it.each([
    ['1425 230 6549'],
    ['1-425-230-6549'],
    ['(425)2306549'],
    ['ACME'],
    ['12'],
    ['1234567890123456'],
    [''],
  ])('"%s" is refused, naming the format', async (number) => {
    const problem = await refused(add({ number }), 422, 'validation_failed')

    expect(problem.errors[0]).toMatchObject({ path: 'number' })
    expect(problem.detail).toContain('14252306549')
  })

  it('an implausible number is taken with a warning', async () => {
    const { body } = await done(add({ number: '999123' }), 201)

    expect(body.number).toBe('+999123')
    expect(body.warnings[0]).toContain('does not look like a phone number')
  })

  it('the same number written in two ways is one number', async () => {
    const number = newNumber()
    await done(add({ number }), 201)

    await refused(add({ number: `+${number}` }), 409, 'conflict')
  })

  it('SMS and WhatsApp may have the same number, and so may another organization', async () => {
    const number = newNumber()
    const other = await TestOrganization.create(service)
    const otherAccount = await addAccount(other)

    await done(add({ number }), 201)
    await done(add({ number, accountId: whatsapp.id, name: 'Both' }), 201)
    await done(other.admin.post(path, { accountId: otherAccount.id, number }), 201)
  })

  it('added twice at the same moment is one number and one conflict', async () => {
    const number = newNumber()

    const answers = await Promise.all([add({ number }), add({ number }), add({ number })])

    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409])
  })
})

describe('the type of a number', () => {
  it.each([
    ['long_code', 'long_code', 1],
    ['geo', 'long_code', 1],
    ['toll_free', 'toll_free', 3],
  ])('%s is %s with %s messages per second', async (type, shown, messagesPerSecond) => {
    const { body } = await done(add({ type }), 201)

    expect(body).toMatchObject({ type: shown, messagesPerSecond })
  })

  it('a short code is shown as its digits, with 100 messages per second', async () => {
    const { body } = await done(add({ number: '72345', type: 'short_code' }), 201)

    expect(body).toMatchObject({ number: '72345', type: 'short_code', messagesPerSecond: 100, warnings: [] })
  })

  it('a WhatsApp number has no type, needs a name and may send 80 messages per second', async () => {
    const onWhatsapp = (fields: object) => add({ accountId: whatsapp.id, ...fields })

    const typed = await refused(onWhatsapp({ name: 'Named', type: 'long_code' }), 422, 'validation_failed')
    const nameless = await refused(onWhatsapp({}), 422, 'validation_failed')
    const { body } = await done(onWhatsapp({ name: 'WhatsApp phone number' }), 201)

    expect(typed.errors[0].path).toBe('type')
    expect(nameless.errors[0].path).toBe('name')
    expect(body).toMatchObject({ type: null, messagesPerSecond: 80, name: 'WhatsApp phone number' })
    await refused(org.admin.patch(`${path}/${body.id}`, { name: null }), 422, 'validation_failed')
  })

  it('a rate of one’s own is kept when the type changes, a default one follows the type', async () => {
    const { body: own } = await done(add({ messagesPerSecond: 7 }), 201)
    const { body: byType } = await done(add({}), 201)

    const { body: ownChanged } = await done(org.admin.patch(`${path}/${own.id}`, { type: 'toll_free' }), 200)
    const { body: typeChanged } = await done(
      org.admin.patch(`${path}/${byType.id}`, { type: 'toll_free' }),
      200,
    )

    expect(ownChanged.messagesPerSecond).toBe(7)
    expect(typeChanged.messagesPerSecond).toBe(3)
  })

  it('five digits that turn out to be a short code are mended by a change of type', async () => {
    const { body: number } = await done(add({ number: '72346' }), 201)

    const { body } = await done(org.admin.patch(`${path}/${number.id}`, { type: 'short_code' }), 200)

    expect(number.warnings[0]).toContain('short_code')
    expect(body).toMatchObject({ number: '72346', type: 'short_code', warnings: [] })
  })
})

describe('where a number works', () => {
  it('without a word of it, in the built-in workstream of its channel', async () => {
    const builtIn = (await workstreams('sms')).find(({ isBuiltIn }: { isBuiltIn: boolean }) => isBuiltIn)

    const { body } = await done(add({}), 201)

    expect(body).toMatchObject({ workstreamId: builtIn.id, language: 'en-US' })
  })

  it('in the workstream and the language that are named', async () => {
    const { body: workstream } = await done(
      org.admin.post('/v1/workstreams', {
        name: 'Spanish',
        channel: 'sms',
        distribution: 'push',
        autoCloseAfterMinutes: 480,
      }),
      201,
    )

    const { body } = await done(add({ workstreamId: workstream.id, language: 'es-mx' }), 201)

    expect(body).toMatchObject({ workstreamId: workstream.id, language: 'es-MX' })
    const { body: channels } = await done(org.admin.get(`/v1/workstreams/${workstream.id}/channels`), 200)
    expect(channels.data).toMatchObject([{ numberId: body.id, language: 'es-MX' }])
  })

  it('in a language of its own in the built-in workstream', async () => {
    const { body } = await done(add({ language: 'de-DE' }), 201)

    const { body: shown } = await done(org.admin.get(`${path}/${body.id}`), 200)

    expect(shown).toMatchObject({ language: 'de-DE', workstreamId: body.workstreamId })
  })

  it.each([
    ['a workstream of another channel', async () => (await workstreams('whatsapp'))[0].id],
    ['a workstream that does not exist', async () => '01890000-0000-7000-8000-000000000000'],
  ])('%s is refused and no number is left behind', async (_what, workstreamId) => {
    const number = newNumber()

    const problem = await refused(
      add({ number, workstreamId: await workstreamId() }),
      422,
      'validation_failed',
    )

    expect(problem.errors[0].path).toBe('workstreamId')
    await done(add({ number }), 201)
  })
})

describe('the life of a number', () => {
  it('is listed by account, newest first', async () => {
    const account = await addAccount(org)
    const { body: first } = await done(add({ accountId: account.id }), 201)
    const { body: second } = await done(add({ accountId: account.id }), 201)

    const { body } = await done(org.admin.get(`${path}?accountId=${account.id}`), 200)

    expect(body.data.map(({ id }: { id: string }) => id)).toEqual([second.id, first.id])
    expect(body.data[0]).not.toHaveProperty('warnings')
  })

  it('its name, description and rate can be changed, its digits cannot', async () => {
    const { body: number } = await done(add({ description: 'Before' }), 201)

    const { body } = await done(
      org.admin.patch(`${path}/${number.id}`, {
        name: 'Front desk',
        description: null,
        messagesPerSecond: 5,
      }),
      200,
    )

    expect(body).toMatchObject({ name: 'Front desk', description: null, messagesPerSecond: 5 })
    await refused(org.admin.patch(`${path}/${number.id}`, { number: newNumber() }), 422, 'validation_failed')
  })

  it('deleted, it is gone from its workstream and free to be added again', async () => {
    const number = newNumber()
    const { body: first } = await done(add({ number, language: 'fr-FR' }), 201)

    await done(org.admin.delete(`${path}/${first.id}`), 204)

    await refused(org.admin.get(`${path}/${first.id}`), 404, 'not_found')
    const { body: again } = await done(add({ number }), 201)
    expect(again).toMatchObject({ language: 'en-US' })
    expect(again.id).not.toBe(first.id)
    const places = await service.parts.db.inOrg(org.id, (tx) =>
      tx.workstreamChannel.count({ where: { numberId: first.id } }),
    )
    expect(places).toBe(0)
  })

  it('cannot be added to an account of another organization, nor to a deleted one', async () => {
    const other = await TestOrganization.create(service)
    const foreign = await addAccount(other)
    const deleted = await addAccount(org)
    await done(org.admin.delete(`/v1/channel-accounts/${deleted.id}`), 204)

    for (const account of [foreign, deleted]) {
      const problem = await refused(add({ accountId: account.id }), 422, 'validation_failed')
      expect(problem.errors[0].path).toBe('accountId')
    }
  })

  it('is refused where the channel is switched off', async () => {
    const off = await TestOrganization.create(service)
    const account = await addAccount(off)
    await done(
      service.as(service.platformKey).patch(`/v1/organizations/${off.id}`, { channels: { sms: false } }),
      200,
    )

    await refused(
      off.admin.post(path, { accountId: account.id, number: newNumber() }),
      409,
      'channel_disabled',
    )
  })

  it('agents read numbers and change none', async () => {
    const agent = await org.addAgent()
    const { body: number } = await done(add({}), 201)

    await done(org.as(agent).get(`${path}/${number.id}`), 200)
    await refused(org.as(agent).delete(`${path}/${number.id}`), 403, 'forbidden')
  })
})
