import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Customer, clearOptOuts, listOptedOut, setOptOuts } from '../../src/contacts/opt-outs.js'
import {
  createCaller,
  createOrganization,
  expectProblem,
  type TestOrganization,
} from '../support/administration.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true })
})
afterAll(() => service.close())

const phone = '+12065550100'
const onSms: Customer = { channel: 'sms', customerAddress: phone }
const onWhatsapp: Customer = { channel: 'whatsapp', customerAddress: phone }
const at = (second: number) => new Date(Date.UTC(2026, 10, 21, 12, 0, second))

const leave = (customers: Customer[], second = 0) =>
  service.parts.db.inOrg(org.id, (tx) => setOptOuts(tx, customers, { source: 'keyword', now: at(second) }))

const hasLeft = async (channel: 'sms' | 'whatsapp', addresses = [phone]) => [
  ...(await service.parts.db.inOrg(org.id, (tx) => listOptedOut(tx, channel, addresses))),
]

describe('a customer who opts out', () => {
  it('has left this channel of this organization and no other', async () => {
    const other = await createOrganization(service)
    org = await createOrganization(service)

    await leave([onSms])

    expect(await hasLeft('sms', [phone, '+12065550101'])).toEqual([phone])
    expect(await hasLeft('whatsapp')).toEqual([])
    org = other
    expect(await hasLeft('sms')).toEqual([])
  })

  it('comes back when they opt in again', async () => {
    org = await createOrganization(service)
    await leave([onSms, onWhatsapp])

    await service.parts.db.inOrg(org.id, (tx) => clearOptOuts(tx, [onSms]))

    expect(await hasLeft('sms')).toEqual([])
    expect(await hasLeft('whatsapp')).toEqual([phone])
  })

  it('is listed once with the first time and reason, the latest first, page by page', async () => {
    org = await createOrganization(service)
    await leave([onSms], 1)
    await leave([onSms, onWhatsapp], 2)

    const first = await org.admin.get('/v1/opt-outs?limit=1')
    const second = await org.admin.get(`/v1/opt-outs?limit=1&cursor=${first.body.nextCursor}`)

    expect(first.body.data).toEqual([{ ...onWhatsapp, source: 'keyword', createdAt: at(2).toISOString() }])
    expect(second.body).toEqual({
      data: [{ ...onSms, source: 'keyword', createdAt: at(1).toISOString() }],
      nextCursor: null,
    })
  })

  it('is shown to admins and supervisors', async () => {
    org = await createOrganization(service)
    const agent = await createCaller(service, org, 'agent')
    const supervisor = await createCaller(service, org, 'supervisor')

    expectProblem(await agent.caller.get('/v1/opt-outs'), 403, 'forbidden')
    expect((await supervisor.caller.get('/v1/opt-outs')).body).toEqual({ data: [], nextCursor: null })
  })
})
