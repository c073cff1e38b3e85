import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import twilio from 'twilio'
import { expect, vi } from 'vitest'
import { type Simulator, startSimulator } from '../../src/simulator/server.js'

export interface ReceivedCall {
  path: string
  headers: Record<string, string | string[] | undefined>
  body: string
  fields: Record<string, string>
}

/** The business that providers call back: a plain HTTP server that keeps what it gets. */
export interface Business {
  url: string
  calls: ReceivedCall[]
  /** The next answers, one per call; after that the answer of a healthy service. */
  answers: { status: number; contentType?: string; body?: string }[]
  stop(): Promise<void>
}

async function startBusiness(port = 0): Promise<Business> {
  const calls: ReceivedCall[] = []
  const answers: Business['answers'] = []
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString('utf8')
    const fields = Object.fromEntries(new URLSearchParams(body))
    calls.push({ path: request.url ?? '', headers: request.headers, body, fields })
    const answer = answers.shift() ?? { status: 200, contentType: 'text/xml', body: '<Response/>' }
    response.writeHead(answer.status, { 'content-type': answer.contentType ?? 'text/xml' }).end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    answers,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

export const twilioCredentials = { accountSid: `AC${'1'.repeat(32)}`, authToken: 'test-auth-token' }
export const telesignCredentials = {
  customerId: '00000000-0000-4000-8000-000000000001',
  apiKey: Buffer.from('telesign test key').toString('base64'),
}
export const smsNumber = '+14252306549'
export const whatsappNumber = '+14155238886'
export const customer = '+12065550100'

/** A simulator in which a business has a Twilio account with both channels and a Telesign account. */
export async function startTown(): Promise<{
  simulator: Simulator
  business: Business
  stop(): Promise<void>
}> {
  const business = await startBusiness()
  const simulator = await startSimulator({ host: '127.0.0.1', port: 0 })
  simulator.accounts.add({
    provider: 'twilio',
    credentials: twilioCredentials,
    callbackUrl: `${business.url}/callbacks/twilio/token#rc=2&rp=all`,
    numbers: [
      { number: smsNumber, channel: 'sms' },
      { number: '72345', channel: 'sms', type: 'short_code' },
      { number: whatsappNumber, channel: 'whatsapp' },
    ],
  })
  simulator.accounts.add({
    provider: 'telesign',
    credentials: telesignCredentials,
    callbackUrl: `${business.url}/callbacks/telesign/token`,
    numbers: [{ number: '14252306550' }],
  })
  await post(simulator, '/settings', {
    reportDelayMs: 5,
    twilioRetryWaitMs: 5,
    telesignRetryWaitsMs: [5, 5, 5],
  })
  const stop = async () => {
    await simulator.stop()
    await business.stop()
  }
  return { simulator, business, stop }
}

export function twilioClient(simulator: Simulator, authToken = twilioCredentials.authToken) {
  const client = twilio(twilioCredentials.accountSid, authToken)
  client.api.baseUrl = simulator.twilioApiUrl
  client.messaging.baseUrl = simulator.twilioApiUrl
  return client
}

/** What the simulator answered, loosely: each test looks at the part that it is about. */
type Answer = any

export async function post(
  simulator: Simulator,
  path: string,
  body: unknown,
): Promise<{ status: number; body: Answer }> {
  const answer = await fetch(simulator.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) }
}

export async function get(simulator: Simulator, path: string): Promise<Answer> {
  return (await fetch(simulator.url + path)).json()
}

/** The statuses reported to the business, once as many as expected have come. */
export async function reported(business: Business, count: number): Promise<ReceivedCall[]> {
  return vi.waitFor(
    () => {
      const reports = business.calls.filter(
        ({ fields, body }) => fields['MessageStatus'] !== undefined || body.includes('"sub_resource":"sms"'),
      )
      expect(reports.length).toBeGreaterThanOrEqual(count)
      return reports
    },
    { timeout: 5000, interval: 10 },
  )
}
