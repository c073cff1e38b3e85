import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findContactsByAddresses } from '../../src/contacts/matching.js'
import { createOrganization, type TestOrganization } from '../support/administration.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true })
})
afterAll(() => service.close())

const phone = '+12065550100'
const hidden = 'US.13491208655302741918'

async function contact(fields: object): Promise<string> {
  return (await org.admin.post('/v1/contacts', { name: 'Somebody', ...fields })).body.id
}

const idsBehind = (channel: 'sms' | 'whatsapp', addresses: string[]) =>
  service.parts.db.inOrg(org.id, async (tx) => {
    const found = await findContactsByAddresses(tx, channel, addresses)
    return Object.fromEntries([...found].map(([address, rows]) => [address, rows.map(({ id }) => id)]))
  })

describe('the contact behind an address', () => {
  it('is the one with this mobile phone, on both channels', async () => {
    org = await createOrganization(service)
    const id = await contact({ mobilePhone: phone })
    await contact({ mobilePhone: '+12065550101' })

    expect(await idsBehind('sms', [phone])).toEqual({ [phone]: [id] })
    expect(await idsBehind('whatsapp', [phone])).toEqual({ [phone]: [id] })
  })

  it('is the one with this address, on its own channel only', async () => {
    org = await createOrganization(service)
    const id = await contact({ addresses: [{ channel: 'whatsapp', address: hidden }] })

    expect(await idsBehind('whatsapp', [hidden])).toEqual({ [hidden]: [id] })
    expect(await idsBehind('sms', [hidden])).toEqual({})
  })

  it('counts once although phone and address both match', async () => {
    org = await createOrganization(service)
    const id = await contact({ mobilePhone: phone, addresses: [{ channel: 'sms', address: phone }] })

    expect(await idsBehind('sms', [phone])).toEqual({ [phone]: [id] })
  })

  it('is several where several have it', async () => {
    org = await createOrganization(service)
    const ids = [
      await contact({ mobilePhone: phone }),
      await contact({ addresses: [{ channel: 'sms', address: phone }] }),
    ]

    expect(await idsBehind('sms', [phone])).toEqual({ [phone]: ids })
  })

  it('is nobody who is inactive or belongs to another organization', async () => {
    org = await createOrganization(service)
    await contact({ mobilePhone: phone })
    org = await createOrganization(service)
    await contact({ mobilePhone: phone, active: false })
    await contact({ addresses: [{ channel: 'sms', address: phone }], active: false })

    expect(await idsBehind('sms', [phone])).toEqual({})
  })

  it('is found for many addresses at once', async () => {
    org = await createOrganization(service)
    const first = await contact({ mobilePhone: phone })
    const second = await contact({ mobilePhone: '+12065550101' })

    expect(await idsBehind('sms', [phone, '+12065550101', '+12065550102', phone])).toEqual({
      [phone]: [first],
      '+12065550101': [second],
    })
  })
})
