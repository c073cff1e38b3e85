import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { done, newCustomer, type TestNumber, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization
let sms: TestNumber
let whatsapp: TestNumber

beforeAll(async () => {
  service = await startService()
  org = await TestOrganization.create(service)
  sms = await org.addNumber('twilio sms')
  whatsapp = await org.addNumber('twilio whatsapp')
})
afterAll(() => service.close())

const addContact = async (fields: Record<string, unknown>): Promise<string> =>
  (await done(org.admin.post('/v1/contacts', { name: 'Casey', ...fields }), 201)).body.id

async function conversationOf(customer: string, number = sms, more: Record<string, unknown> = {}) {
  await org.customerTexts(customer, number, 'Hello', more)
  return org.conversationOf(customer.replace('whatsapp:', ''))
}

describe('the sender is matched to contacts', () => {
  it('exactly one active contact with that mobile phone is linked', async () => {
    const customer = newCustomer()
    const id = await addContact({ mobilePhone: customer })

    const found = await conversationOf(customer)

    expect(found).toMatchObject({ contact: { id, name: 'Casey' }, authenticated: true })
  })

  it('none links nobody', async () => {
    expect(await conversationOf(newCustomer())).toMatchObject({ contact: null, authenticated: false })
  })

  it('several link nobody', async () => {
    const customer = newCustomer()
    await addContact({ mobilePhone: customer })
    await addContact({ mobilePhone: customer })

    expect(await conversationOf(customer)).toMatchObject({ contact: null, authenticated: false })
  })

  it('an inactive one does not count', async () => {
    const [customer, another] = [newCustomer(), newCustomer()]
    await addContact({ mobilePhone: customer, active: false })
    await addContact({ mobilePhone: another, active: false })
    const id = await addContact({ mobilePhone: another })

    expect(await conversationOf(customer)).toMatchObject({ contact: null, authenticated: false })
    expect(await conversationOf(another)).toMatchObject({ contact: { id }, authenticated: true })
  })

  it('one with the phone without its plus is the same', async () => {
    const customer = newCustomer()
    const id = await addContact({ mobilePhone: customer.slice(1) })

    expect(await conversationOf(customer)).toMatchObject({ contact: { id } })
  })

  it('one who has it as a further address is linked; on another channel they are not', async () => {
    const customer = newCustomer()
    const id = await addContact({ addresses: [{ channel: 'whatsapp', address: customer }] })

    const onSms = await conversationOf(customer)
    await org.customerTexts(`whatsapp:${customer}`, whatsapp, 'Hello')
    const onWhatsApp = await org.conversationOf(customer, ({ channel }) => channel === 'whatsapp')

    expect(onSms).toMatchObject({ channel: 'sms', contact: null })
    expect(onWhatsApp).toMatchObject({ contact: { id }, authenticated: true })
  })

  it('phone and address of the same contact are one', async () => {
    const customer = newCustomer()
    const id = await addContact({
      mobilePhone: customer,
      addresses: [{ channel: 'sms', address: customer }],
    })

    expect(await conversationOf(customer)).toMatchObject({ contact: { id } })
  })

  it('a hidden WhatsApp number is known by its id, and a number by the id that comes with it', async () => {
    const hidden = `US.${Date.now()}01`
    const customer = newCustomer()
    const first = await addContact({ addresses: [{ channel: 'whatsapp', address: hidden }] })
    const second = await addContact({ addresses: [{ channel: 'whatsapp', address: `US.${Date.now()}02` }] })
    const alias = (await org.admin.get(`/v1/contacts/${second}`)).body.addresses[0].address

    const byId = await conversationOf(`whatsapp:${hidden}`, whatsapp)
    const byAlias = await conversationOf(`whatsapp:${customer}`, whatsapp, {
      raw: { ExternalUserId: `whatsapp:${alias}` },
    })

    expect(byId).toMatchObject({ customerAddress: hidden, contact: { id: first } })
    expect(byAlias).toMatchObject({ customerAddress: customer, contact: { id: second } })
  })

  it('a contact of another organization is nobody here', async () => {
    const customer = newCustomer()
    const other = await TestOrganization.create(service)
    await done(other.admin.post('/v1/contacts', { name: 'Foreign', mobilePhone: customer }), 201)

    expect(await conversationOf(customer)).toMatchObject({ contact: null })
  })
})
