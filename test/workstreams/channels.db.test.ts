import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadWorkstreamForNumbers } from '../../src/workstreams/number-settings.js'
import {
  createOrganization,
  expectProblem,
  type TestOrganization,
  unknownId,
} from '../support/administration.js'
import { createNumber } from '../support/channel-number.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await createOrganization(service)
})
afterAll(() => service.close())

let count = 0
async function createWorkstream(channel: 'sms' | 'whatsapp' = 'sms'): Promise<string> {
  count += 1
  const made = await org.admin.post('/v1/workstreams', {
    name: `Workstream ${count}`,
    channel,
    distribution: 'push',
    autoCloseAfterMinutes: 480,
  })
  return made.body.id
}

const settingsOf = (...numberIds: string[]) =>
  service.parts.db.inOrg(org.id, (tx) => loadWorkstreamForNumbers(tx, numberIds))

describe('a number', () => {
  it('works in the built-in workstream of its channel until it is put elsewhere', async () => {
    const [sms, whatsapp] = [
      await createNumber(service, org.id, 'sms'),
      await createNumber(service, org.id, 'whatsapp'),
    ]

    const settings = await settingsOf(sms, whatsapp, unknownId)

    expect(settings.size).toBe(2)
    expect(settings.get(sms)).toMatchObject({
      workstream: { channel: 'sms', isBuiltIn: true, capacityUnits: 1, wrapUpBlockSeconds: null },
      language: 'en-US',
      customerAttachments: false,
      agentAttachments: false,
    })
    expect(settings.get(whatsapp)?.workstream).toMatchObject({ channel: 'whatsapp', isBuiltIn: true })
  })

  it('is put to work with its language, and with attachments only where that is said', async () => {
    const id = await createWorkstream()
    const numberId = await createNumber(service, org.id, 'sms', '+14255550123')

    const added = await org.admin.post(`/v1/workstreams/${id}/channels`, { numberId, language: 'de-de' })

    expect(added.status).toBe(201)
    expect(added.body).toEqual({
      id: expect.any(String),
      workstreamId: id,
      numberId,
      number: '+14255550123',
      language: 'de-DE',
      attachments: { customer: false, agent: false },
      operatingHoursId: null,
      createdAt: expect.any(String),
      updatedAt: added.body.createdAt,
    })
    expect((await org.admin.get(`/v1/workstreams/${id}/channels`)).body).toEqual({
      data: [added.body],
      nextCursor: null,
    })
    expect((await settingsOf(numberId)).get(numberId)).toMatchObject({
      workstream: { id },
      language: 'de-DE',
    })
  })

  it('has switches for attachments that change one at a time', async () => {
    const id = await createWorkstream()
    const numberId = await createNumber(service, org.id, 'sms')
    const channel = (
      await org.admin.post(`/v1/workstreams/${id}/channels`, { numberId, attachments: { customer: true } })
    ).body

    const changed = await org.admin.patch(`/v1/workstreams/${id}/channels/${channel.id}`, {
      attachments: { agent: true },
    })

    expect(channel.attachments).toEqual({ customer: true, agent: false })
    expect(changed.body.attachments).toEqual({ customer: true, agent: true })
    expect((await settingsOf(numberId)).get(numberId)).toMatchObject({
      customerAttachments: true,
      agentAttachments: true,
    })
  })

  it('serves one workstream, and is free again when it is taken out', async () => {
    const [first, second] = [await createWorkstream(), await createWorkstream()]
    const numberId = await createNumber(service, org.id, 'sms')
    const { id } = (await org.admin.post(`/v1/workstreams/${first}/channels`, { numberId })).body

    const refused = await org.admin.post(`/v1/workstreams/${second}/channels`, { numberId })
    const removed = await org.admin.delete(`/v1/workstreams/${first}/channels/${id}`)
    const between = (await settingsOf(numberId)).get(numberId)
    const moved = await org.admin.post(`/v1/workstreams/${second}/channels`, { numberId })

    expect(expectProblem(refused, 409, 'conflict')['detail']).toContain('Workstream')
    expect(removed.status).toBe(204)
    expect(between?.workstream.isBuiltIn).toBe(true)
    expect(moved.status).toBe(201)
  })

  it('gets into one workstream although two are asked at the same moment', async () => {
    const [first, second] = [await createWorkstream(), await createWorkstream()]
    const numberId = await createNumber(service, org.id, 'sms')

    const answers = await Promise.all(
      [first, second].map((id) => org.admin.post(`/v1/workstreams/${id}/channels`, { numberId })),
    )

    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409])
  })

  it('of another channel or organization, or one that is deleted, is refused', async () => {
    const id = await createWorkstream()
    const other = await createOrganization(service)
    const deleted = await createNumber(service, org.id, 'sms')
    await service.parts.db.inOrg(org.id, (tx) =>
      tx.channelNumber.updateMany({ where: { id: deleted }, data: { deletedAt: new Date() } }),
    )

    for (const numberId of [
      await createNumber(service, org.id, 'whatsapp'),
      await createNumber(service, other.id, 'sms'),
      deleted,
      unknownId,
    ]) {
      const answer = await org.admin.post(`/v1/workstreams/${id}/channels`, { numberId })
      expect(expectProblem(answer, 422, 'validation_failed')['errors']).toMatchObject([{ path: 'numberId' }])
    }
  })

  it.each([
    {},
    { numberId: 'no id' },
    { language: 'English please' },
    { language: '' },
    { attachments: true },
    { attachments: { customers: true } },
    { operatingHoursId: unknownId },
  ])('is not put to work with %j', async (fields) => {
    const id = await createWorkstream()
    const numberId = 'language' in fields || 'attachments' in fields ? unknownId : undefined

    const answer = await org.admin.post(`/v1/workstreams/${id}/channels`, { numberId, ...fields })

    expectProblem(answer, 422, 'validation_failed')
  })

  it('is found in its own workstream only', async () => {
    const [first, second] = [await createWorkstream(), await createWorkstream()]
    const numberId = await createNumber(service, org.id, 'sms')
    const { id } = (await org.admin.post(`/v1/workstreams/${first}/channels`, { numberId })).body

    expectProblem(await org.admin.delete(`/v1/workstreams/${second}/channels/${id}`), 404, 'not_found')
    expectProblem(
      await org.admin.patch(`/v1/workstreams/${second}/channels/${id}`, { language: 'de' }),
      404,
      'not_found',
    )
  })
})
