import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { windowClosedSentence } from '../../src/providers/provider-error.js'
import { createProviders } from '../../src/providers/registry.js'
import { type FakeApi, fakeApi, json, type Received } from './fake-api.js'
import { noon, providerCases, reply } from './provider-cases.js'

let api: FakeApi | null = null

afterEach(async () => {
  await api?.close()
  api = null
})

async function providersAt(answer: (request: Received, response: ServerResponse) => void) {
  api = await fakeApi(answer)
  return { api, providers: createProviders({ twilioApiUrl: api.url, telesignApiUrl: api.url }) }
}

describe.each(providerCases)('sending through $name', (given) => {
  it('an accepted message has the provider’s id and waits there', async () => {
    const { providers } = await providersAt((_, response) =>
      json(response, given.accepted.status, given.accepted.body),
    )

    const receipt = await providers[given.name].send(reply(), given.credentials, noon)

    expect(receipt).toMatchObject({ providerMessageId: 'SM1', status: 'queued' })
  })

  it('1600 characters are sent, 1601 are refused before the provider hears of them', async () => {
    const { api, providers } = await providersAt((_, response) =>
      json(response, given.accepted.status, given.accepted.body),
    )

    await providers[given.name].send(reply({ text: '😀'.repeat(800) }), given.credentials, noon)
    const tooLong = providers[given.name].send(reply({ text: 'x'.repeat(1601) }), given.credentials, noon)

    await expect(tooLong).rejects.toMatchObject({ kind: 'too_long', retryable: false })
    expect(api.received).toHaveLength(1)
  })

  it('an empty message is refused', async () => {
    const { api, providers } = await providersAt((_, response) => json(response, 500, {}))

    const sending = providers[given.name].send(reply({ text: '' }), given.credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'rejected' })
    expect(api.received).toHaveLength(0)
  })

  it('missing credentials are never filled from the environment', async () => {
    const { api, providers } = await providersAt((_, response) => json(response, 500, {}))
    const empty = Object.fromEntries(Object.keys(given.credentials).map((name) => [name, '']))

    const sending = providers[given.name].send(reply(), empty, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'misconfigured' })
    expect(api.received).toHaveLength(0)
  })

  const answers: [string, (response: ServerResponse) => void, string, boolean][] = [
    ['HTTP 429', (response) => json(response, 429, {}), 'throttled', true],
    ['HTTP 401', (response) => json(response, 401, {}), 'misconfigured', false],
    ['HTTP 422 without a code', (response) => json(response, 422, {}), 'rejected', false],
    ['HTTP 500', (response) => json(response, 500, {}), 'outcome_unknown', false],
    [
      'HTTP 503 in HTML',
      (response) => response.writeHead(503).end('<h1>busy</h1>'),
      'outcome_unknown',
      false,
    ],
    ['HTTP 302', (response) => response.writeHead(302, { location: '/x' }).end(), 'misconfigured', false],
    [
      'a success that is no JSON',
      (response) => response.writeHead(200).end('<ok/>'),
      'outcome_unknown',
      false,
    ],
    ['a success without an id', (response) => json(response, 200, {}), 'outcome_unknown', false],
    ['a success that is the number 5', (response) => json(response, 200, 5), 'outcome_unknown', false],
    ['an empty success', (response) => response.writeHead(200).end(), 'outcome_unknown', false],
    ['a reset', (response) => response.destroy(), 'outcome_unknown', false],
    [
      'half an answer',
      (response) => {
        response.writeHead(201, { 'content-length': '500' }).write('{"sid":')
        response.socket?.end()
      },
      'outcome_unknown',
      false,
    ],
  ]

  it.each([
    ['120', 120_000],
    ['0', 0],
    ['999999999', 3_600_000],
    ['Wed, 21 Oct 2026 07:28:00 GMT', null],
    ['-5', null],
  ])('HTTP 429 with Retry-After: %s asks for a pause of %s ms', async (header, retryAfterMs) => {
    const { providers } = await providersAt((_, response) =>
      json(response.setHeader('retry-after', header), 429, {}),
    )

    const sending = providers[given.name].send(reply(), given.credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'throttled', retryAfterMs })
  })

  it.each(answers)('%s is told apart', async (_name, answer, kind, retryable) => {
    const { api, providers } = await providersAt((_, response) => answer(response))

    const sending = providers[given.name].send(reply(), given.credentials, noon)

    await expect(sending).rejects.toMatchObject({ name: 'ProviderError', kind, retryable })
    expect(api.received).toHaveLength(1)
  })

  it('a refused connection means that nothing was sent, so it may be tried again', async () => {
    const { api, providers } = await providersAt(() => undefined)
    await api.close()

    const sending = providers[given.name].send(reply(), given.credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'unreachable', retryable: true })
  })

  it('a host name that does not exist means that nothing was sent', async () => {
    const nowhere = 'http://nowhere.invalid'
    const providers = createProviders({ twilioApiUrl: nowhere, telesignApiUrl: nowhere })

    const sending = providers[given.name].send(reply(), given.credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'unreachable', retryable: true })
  })

  it('no answer in time leaves the outcome open', async () => {
    const { api } = await providersAt(() => undefined)
    const providers = createProviders({ twilioApiUrl: api.url, telesignApiUrl: api.url, callTimeoutMs: 100 })

    const sending = providers[given.name].send(reply(), given.credentials, noon)

    await expect(sending).rejects.toMatchObject({ kind: 'outcome_unknown', retryable: false })
    expect(api.received).toHaveLength(1)
  })

  it('the base URL may have a path prefix', async () => {
    const fake = await fakeApi((_, response) => json(response, given.accepted.status, given.accepted.body))
    api = fake
    const prefixed = `${fake.url}/play/`
    const providers = createProviders({ twilioApiUrl: prefixed, telesignApiUrl: prefixed })

    await providers[given.name].send(reply(), given.credentials, noon)

    expect(fake.received[0]?.path).toMatch(/^\/play\/(2010-04-01|v1)\//)
  })
})

describe('the 24 hours of WhatsApp', () => {
  const lastInboundAt = new Date('2026-01-01T00:00:00.000Z')
  const message = reply({ channel: 'whatsapp', lastInboundAt })
  const [given] = providerCases

  it('a reply one millisecond before they are over is sent', async () => {
    const { providers } = await providersAt((_, response) => json(response, 201, given?.accepted.body))

    const receipt = await providers.twilio.send(
      message,
      given?.credentials ?? {},
      new Date('2026-01-01T23:59:59.999Z'),
    )

    expect(receipt.providerMessageId).toBe('SM1')
  })

  it.each([
    ['exactly 24 hours after the customer’s last message', lastInboundAt],
    ['to a customer who never wrote', null],
  ])('a reply %s is refused', async (_name, last) => {
    const { api, providers } = await providersAt((_, response) => json(response, 201, given?.accepted.body))

    const sending = providers.twilio.send(
      { ...message, lastInboundAt: last },
      given?.credentials ?? {},
      new Date('2026-01-02T00:00:00.000Z'),
    )

    await expect(sending).rejects.toMatchObject({ kind: 'window_closed', message: windowClosedSentence })
    expect(api.received).toHaveLength(0)
  })

  it('an SMS is sent whenever the customer last wrote', async () => {
    const { providers } = await providersAt((_, response) => json(response, 201, given?.accepted.body))

    const receipt = await providers.twilio.send(
      reply({ lastInboundAt: null }),
      given?.credentials ?? {},
      noon,
    )

    expect(receipt.segments).toBe(2)
  })
})
