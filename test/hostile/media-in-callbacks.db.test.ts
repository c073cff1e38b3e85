import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { post, twilioText } from '../channels/provider-calls.js'
import { newCustomer, TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization
/** Something inside our own network that must never hear of us */
let inside: Server
let heard: string[]

beforeAll(async () => {
  service = await startService()
  org = await TestOrganization.create(service)
  heard = []
  inside = createServer((request, response) => {
    heard.push(request.url ?? '')
    response.end('secret of the network')
  })
  await new Promise<void>((resolve) => inside.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  inside.close()
  await service.close()
})

describe('a rightly signed message whose file', () => {
  it('lies in our own network has its text taken in and its file left alone', async () => {
    const number = await org.addNumber('twilio sms')
    await org.addWorkstream(number, { attachments: { customer: true, agent: true } })
    const { port } = inside.address() as AddressInfo
    const urls = [
      `http://127.0.0.1:${port}/a`,
      `https://localhost:${port}/b`,
      `http://[::ffff:127.0.0.1]:${port}/c`,
      'http://169.254.169.254/latest/meta-data/',
      'https://10.0.0.1.twilio.com.example.com/x',
      'file:///etc/passwd',
      `${service.simulator.twilioApiUrl.replace('127.0.0.1', '127.0.0.2')}/x`,
    ]
    const customer = newCustomer()
    const media = Object.fromEntries(
      urls.flatMap((url, n) => [
        [`MediaUrl${n}`, url],
        [`MediaContentType${n}`, 'image/png'],
      ]),
    )
    const account = {
      id: number.accountId,
      callbackUrl: number.callbackUrl,
      calledUrl: number.callbackUrl.replace(/#.*$/, ''),
      credentials: number.credentials,
    }
    const params = {
      From: customer,
      To: number.number,
      Body: 'Look at this',
      NumMedia: `${urls.length}`,
      ...media,
    }

    const answer = await post(service, twilioText(account, { params }))

    expect(answer.status).toBe(200)
    const { id } = await org.conversationOf(customer)
    const [first] = await org.messages(id)
    const message = await org.message(id, first.id, ({ media }) =>
      media.every(({ status }: { status: string }) => status === 'failed'),
    )
    expect(message).toMatchObject({ text: 'Look at this' })
    expect(message.media).toHaveLength(urls.length)
    expect(heard).toEqual([])
  })
})
