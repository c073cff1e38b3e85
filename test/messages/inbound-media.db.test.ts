import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { done, newCustomer, refused, type TestAgent, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { tellProvider } from '../support/simulator.js'

let service: TestService

beforeAll(async () => {
  service = await startService()
})
afterAll(() => service.close())

const png = {
  contentType: 'image/png',
  base64: 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
}
const bytes = Buffer.from(png.base64, 'base64')

async function desk(customerMaySend: boolean, channel: 'sms' | 'whatsapp' = 'sms') {
  const org = await TestOrganization.create(service)
  const number = await org.addNumber(`twilio ${channel}`)
  await org.addWorkstream(number, { channel, attachments: { customer: customerMaySend } })
  const agent = await org.addAgent()
  const send = async (text: string, media: unknown[]) => {
    const customer = newCustomer()
    await org.customerTexts(customer, number, text, { media })
    const { id } = await org.conversationOf(customer, ({ status }) => status === 'active')
    return id as string
  }
  return { org, agent, number, send }
}

const messagesFor = async (org: TestOrganization, agent: TestAgent, id: string): Promise<any[]> =>
  (await done(org.as(agent).get(`/v1/conversations/${id}/messages`), 200)).body.data

const download = (key: string, url: string) =>
  fetch(service.url + url, { headers: { authorization: `Bearer ${key}` } })

const isFetched = ({ media }: any) => media.every(({ status }: any) => status === 'stored')

describe('files from customers', () => {
  it('are stored, and served to the agent by the service itself', async () => {
    const { org, agent, send } = await desk(true)
    const id = await send('', [png, { contentType: 'audio/ogg', text: 'voice' }])
    const [{ id: messageId }] = await org.messages(id)

    const message = await org.message(id, messageId, isFetched)

    expect(message).toMatchObject({
      text: '',
      media: [
        { contentType: 'image/png', bytes: bytes.length },
        { contentType: 'audio/ogg', bytes: 5 },
      ],
    })
    const file = await download(agent.key, message.media[0].url)
    expect(file.headers.get('content-type')).toBe('image/png')
    expect(file.headers.get('x-content-type-options')).toBe('nosniff')
    expect(Buffer.from(await file.arrayBuffer())).toEqual(bytes)
  })

  it('are read by nobody without a key, from another queue or from another organization', async () => {
    const { org, send } = await desk(true)
    const stranger = await org.addAgent({ queues: [] })
    const foreign = await TestOrganization.create(service)
    const id = await send('Look', [png])
    const [first] = await org.messages(id)
    const message = await org.message(id, first.id, isFetched)

    const { url } = message.media[0]

    expect((await fetch(service.url + url)).status).toBe(401)
    for (const key of [stranger.key, foreign.adminKey]) expect((await download(key, url)).status).toBe(404)
  })

  it('what a browser could run is given out as a download', async () => {
    const { org, agent, send } = await desk(true, 'whatsapp')
    const id = await send('', [
      { contentType: 'text/html', text: '<script>alert(1)</script>', fileName: 'a.html' },
    ])
    const [first] = await org.messages(id)
    const message = await org.message(id, first.id, isFetched)

    const file = await download(agent.key, message.media[0].url)

    expect(file.headers.get('content-disposition')).toMatch(/^attachment/)
    expect(file.headers.get('content-security-policy')).toContain('sandbox')
  })

  it('while the switch is off: the text stays, a note tells the agent, and only admins get the file', async () => {
    const { org, agent, send } = await desk(false)
    const id = await send('See attached', [png])
    const [first] = await org.messages(id)
    const asAdmin = await org.message(id, first.id, isFetched)

    const asAgent = await messagesFor(org, agent, id)

    expect(asAgent).toMatchObject([
      { kind: 'text', text: 'See attached', media: [] },
      { kind: 'system', direction: 'internal', status: null, author: { type: 'system' } },
    ])
    expect(asAgent[1].text).toContain('The customer sent a file')
    expect(asAdmin.media).toHaveLength(1)
    expect((await download(agent.key, asAdmin.media[0].url)).status).toBe(404)
    const file = await download(org.adminKey, asAdmin.media[0].url)
    expect(file.status).toBe(200)
    expect(Buffer.from(await file.arrayBuffer())).toEqual(bytes)
  })

  it('from a host that is not the provider’s are not fetched, and the text is kept', async () => {
    const { org, send } = await desk(true)
    const id = await send('Look', ['http://127.0.0.1:9/secret.png', 'https://example.com/cat.png'])
    const [first] = await org.messages(id)

    const message = await org.message(id, first.id, ({ media }) =>
      media.every(({ status }: any) => status === 'failed'),
    )

    expect(message.text).toBe('Look')
    expect(message.media).toHaveLength(2)
    expect((await download(org.adminKey, message.media[0].url)).status).toBe(404)
  })

  it('that the provider has not ready yet are fetched a little later', async () => {
    const { org, number, send } = await desk(true)
    await tellProvider(service, 'faults', {
      accountId: number.credentials['accountSid'],
      on: 'read',
      mode: 'http_500',
    })
    const id = await send('Look', [png])
    const [first] = await org.messages(id)

    const message = await org.message(id, first.id, isFetched)

    expect(message.media[0].bytes).toBe(bytes.length)
  })
})

it('an unknown file does not exist', async () => {
  const { org } = await desk(true)

  await refused(org.admin.get(`/v1/media/${org.id}`), 404, 'not_found')
})
