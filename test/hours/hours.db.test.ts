import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findHoursStatus } from '../../src/hours/find-status.js'
import {
  createOrganization,
  expectProblem,
  type TestOrganization,
  unknownId,
} from '../support/administration.js'
import { createNumber } from '../support/channel-number.js'
import { TestClock } from '../support/clock.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization
const clock = new TestClock()

beforeAll(async () => {
  service = await startService({ idle: true, clock })
  org = await createOrganization(service)
})
afterAll(() => service.close())

let count = 0
async function createHours(body: Record<string, unknown> = {}): Promise<any> {
  count += 1
  const answer = await org.admin.post('/v1/operating-hours', { name: `Hours ${count}`, ...body })
  expect(answer.status, JSON.stringify(answer.body)).toBe(201)
  return answer.body
}

async function createChannel(channel: 'sms' | 'whatsapp', more: object = {}) {
  count += 1
  const made = await org.admin.post('/v1/workstreams', {
    name: `Workstream ${count}`,
    channel,
    distribution: 'push',
    autoCloseAfterMinutes: 480,
  })
  const path = `/v1/workstreams/${made.body.id}/channels`
  const numberId = await createNumber(service, org.id, channel)
  return { path, numberId, answer: await org.admin.post(path, { numberId, ...more }) }
}

describe('operating hours', () => {
  it('are those of a working week in the organization’s time zone unless more is said', async () => {
    const made = await org.admin.post('/v1/operating-hours', { name: 'Office' })

    const workingDay = [{ from: '08:00', to: '17:00' }]
    expect(made.body).toEqual({
      id: expect.any(String),
      name: 'Office',
      description: null,
      timeZone: 'UTC',
      weekly: {
        monday: workingDay,
        tuesday: workingDay,
        wednesday: workingDay,
        thursday: workingDay,
        friday: workingDay,
        saturday: [],
        sunday: [],
      },
      exceptions: [],
      holidays: [],
      createdAt: expect.any(String),
      updatedAt: made.body.createdAt,
    })
    expect((await org.admin.get(`/v1/operating-hours/${made.body.id}`)).body).toEqual(made.body)
    expect((await org.admin.get('/v1/operating-hours')).body.data).toContainEqual(made.body)
  })

  it('keep days, dates and intervals in order, and a day that is not named is closed', async () => {
    const made = await createHours({
      weekly: {
        monday: [
          { from: '13:00', to: '24:00' },
          { from: '08:00', to: '12:00' },
        ],
      },
      exceptions: [{ date: '2026-12-31', reason: 'Inventory' }, { date: '2026-12-24' }],
    })

    expect(made.weekly).toMatchObject({
      monday: [
        { from: '08:00', to: '12:00' },
        { from: '13:00', to: '24:00' },
      ],
      tuesday: [],
    })
    expect(made.exceptions).toEqual([
      { date: '2026-12-24', intervals: [], reason: null },
      { date: '2026-12-31', intervals: [], reason: 'Inventory' },
    ])
  })

  it('are changed part by part', async () => {
    const made = await createHours({ holidays: [{ name: 'May Day', from: '2026-05-01', to: '2026-05-01' }] })

    const changed = await org.admin.patch(`/v1/operating-hours/${made.id}`, {
      timeZone: 'Europe/Berlin',
      weekly: { sunday: [{ from: '10:00', to: '11:00' }] },
    })

    expect(changed.status).toBe(200)
    expect(changed.body).toMatchObject({
      name: made.name,
      timeZone: 'Europe/Berlin',
      holidays: made.holidays,
      weekly: { monday: [], sunday: [{ from: '10:00', to: '11:00' }] },
    })
  })

  it('have a name of their own', async () => {
    const { name } = await createHours()
    const other = await createHours()

    const again = await org.admin.post('/v1/operating-hours', { name })
    const renamed = await org.admin.patch(`/v1/operating-hours/${other.id}`, { name })

    expect(expectProblem(again, 409, 'conflict')['detail']).toContain(name)
    expectProblem(renamed, 409, 'conflict')
  })

  it.each([
    [{ weekly: { monday: [{ from: '8:00', to: '17:00' }] } }, 'weekly.monday.0.from'],
    [{ weekly: { monday: [{ from: '24:00', to: '24:00' }] } }, 'weekly.monday.0.from'],
    [{ weekly: { monday: [{ from: '08:00', to: '24:01' }] } }, 'weekly.monday.0.to'],
    [{ weekly: { monday: [{ from: '22:00', to: '06:00' }] } }, 'weekly.monday.0.to'],
    [
      {
        weekly: {
          monday: [
            { from: '08:00', to: '12:00' },
            { from: '11:59', to: '13:00' },
          ],
        },
      },
      'weekly.monday',
    ],
    [{ weekly: { someday: [] } }, 'weekly'],
    [{ timeZone: '+02:00' }, 'timeZone'],
    [{ timeZone: 'Mars/Olympus' }, 'timeZone'],
    [{ exceptions: [{ date: '2027-02-29' }] }, 'exceptions.0.date'],
    [{ exceptions: [{ date: '2026-12-24' }, { date: '2026-12-24' }] }, 'exceptions'],
    [{ holidays: [{ name: 'Back', from: '2026-12-26', to: '2026-12-25' }] }, 'holidays.0.to'],
    [{ holidays: [{ name: '', from: '2026-12-25', to: '2026-12-25' }] }, 'holidays.0.name'],
  ])('refuse %j', async (body, path) => {
    const answer = await org.admin.post('/v1/operating-hours', { name: 'Refused', ...body })

    const errors = expectProblem(answer, 422, 'validation_failed')['errors']
    expect(errors).toContainEqual(expect.objectContaining({ path }))
  })
})

describe('the status', () => {
  it('says whether it is open now or at a moment, and when that changes', async () => {
    clock.holdAt(new Date('2026-03-02T09:00:00.000Z'))
    const { id } = await createHours({
      timeZone: 'Europe/Berlin',
      holidays: [{ name: 'Easter Monday', from: '2026-04-06', to: '2026-04-06' }],
    })
    const statusAt = async (at: string) =>
      (await org.admin.get(`/v1/operating-hours/${id}/status?at=${encodeURIComponent(at)}`)).body

    const now = (await org.admin.get(`/v1/operating-hours/${id}/status`)).body
    clock.backToNow()

    expect(now).toEqual({
      at: '2026-03-02T09:00:00.000Z',
      open: true,
      opensAt: null,
      closesAt: '2026-03-02T16:00:00.000Z',
      holiday: null,
    })
    expect(await statusAt('2026-04-06T12:00:00+02:00')).toEqual({
      at: '2026-04-06T10:00:00.000Z',
      open: false,
      opensAt: '2026-04-07T06:00:00.000Z',
      closesAt: null,
      holiday: { name: 'Easter Monday', from: '2026-04-06', to: '2026-04-06' },
    })
    expectProblem(
      await org.admin.get(`/v1/operating-hours/${id}/status?at=tomorrow`),
      422,
      'validation_failed',
    )
  })

  it('of several hours is one look; what is not there has none', async () => {
    const always = await createHours({
      weekly: Object.fromEntries(
        ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'].map((day) => [
          day,
          [{ from: '00:00', to: '24:00' }],
        ]),
      ),
    })
    const never = await createHours({ weekly: {} })

    const found = await service.parts.db.inOrg(org.id, (tx) =>
      findHoursStatus(tx, [always.id, never.id, null, unknownId], new Date()),
    )

    expect([...found.keys()].sort()).toEqual([always.id, never.id].sort())
    expect(found.get(always.id)?.open).toBe(true)
    expect(found.get(never.id)?.open).toBe(false)
  })
})

describe('a queue', () => {
  it('keeps to hours from when it is made, or later, until they are taken off', async () => {
    const { id: operatingHoursId } = await createHours()
    const made = await org.admin.post('/v1/queues', { name: 'Day shift', operatingHoursId })
    const plain = await org.admin.post('/v1/queues', { name: 'Round the clock' })

    const given = await org.admin.patch(`/v1/queues/${plain.body.id}`, { operatingHoursId })
    const renamed = await org.admin.patch(`/v1/queues/${plain.body.id}`, { name: 'By day' })
    const taken = await org.admin.patch(`/v1/queues/${plain.body.id}`, { operatingHoursId: null })

    expect(made.body.operatingHoursId).toBe(operatingHoursId)
    expect(plain.body.operatingHoursId).toBeNull()
    expect(given.body.operatingHoursId).toBe(operatingHoursId)
    expect(renamed.body).toMatchObject({ name: 'By day', operatingHoursId })
    expect(taken.body.operatingHoursId).toBeNull()
  })

  it('refuses hours that are not there', async () => {
    const answers = [
      await org.admin.post('/v1/queues', { name: 'Nowhere', operatingHoursId: unknownId }),
      await org.admin.patch(`/v1/queues/${(await org.admin.get('/v1/queues')).body.data[0].id}`, {
        operatingHoursId: unknownId,
      }),
    ]

    for (const answer of answers)
      expect(expectProblem(answer, 422, 'validation_failed')['errors']).toMatchObject([
        { path: 'operatingHoursId' },
      ])
  })
})

describe('a number in a workstream', () => {
  it('for SMS keeps to hours of its own', async () => {
    const { id: operatingHoursId } = await createHours()
    const { path, answer: added } = await createChannel('sms', { operatingHoursId })

    const kept = await org.admin.patch(`${path}/${added.body.id}`, { language: 'de-DE' })
    const taken = await org.admin.patch(`${path}/${added.body.id}`, { operatingHoursId: null })

    expect(added.body.operatingHoursId).toBe(operatingHoursId)
    expect(kept.body).toMatchObject({ operatingHoursId, language: 'de-DE' })
    expect(taken.body.operatingHoursId).toBeNull()
  })

  it('for WhatsApp refuses them, and says that queues have them', async () => {
    const { id: operatingHoursId } = await createHours()
    const refused = await createChannel('whatsapp', { operatingHoursId })
    const { path, answer } = await createChannel('whatsapp')

    const changed = await org.admin.patch(`${path}/${answer.body.id}`, { operatingHoursId })

    for (const problem of [refused.answer, changed])
      expect(expectProblem(problem, 422, 'validation_failed')['detail']).toContain('queues')
    expect(answer.body.operatingHoursId).toBeNull()
  })
})

describe('deleting operating hours', () => {
  it('is refused while a queue or a number keeps to them, and names it', async () => {
    const { id } = await createHours()
    const { path, answer: channel } = await createChannel('sms', { operatingHoursId: id })
    const byNumber = await org.admin.delete(`/v1/operating-hours/${id}`)
    await org.admin.patch(`${path}/${channel.body.id}`, { operatingHoursId: null })
    const queue = await org.admin.post('/v1/queues', { name: 'Keeper', operatingHoursId: id })
    const byQueue = await org.admin.delete(`/v1/operating-hours/${id}`)
    await org.admin.delete(`/v1/queues/${queue.body.id}`)

    const deleted = await org.admin.delete(`/v1/operating-hours/${id}`)

    expect(expectProblem(byNumber, 409, 'conflict')['detail']).toContain(channel.body.number)
    expect(expectProblem(byQueue, 409, 'conflict')['detail']).toContain('"Keeper"')
    expect(deleted.status).toBe(204)
    expectProblem(await org.admin.get(`/v1/operating-hours/${id}`), 404, 'not_found')
  })

  it('and giving them to a queue at the same moment leaves one of the two', async () => {
    const { id } = await createHours()

    const [deleted, made] = await Promise.all([
      org.admin.delete(`/v1/operating-hours/${id}`),
      org.admin.post('/v1/queues', { name: `At the same moment ${id}`, operatingHoursId: id }),
    ])

    expect([
      [204, 422],
      [409, 201],
    ]).toContainEqual([deleted.status, made.status])
  })
})
