import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { isPrivate } from '../../../src/providers/provider-http.js'
import { createTwilio } from '../../../src/providers/twilio/provider.js'
import { type FakeApi, fakeApi, type Received } from '../fake-api.js'
import { twilioAccount } from '../provider-cases.js'

const apis: FakeApi[] = []

afterEach(async () => {
  await Promise.all(apis.splice(0).map((api) => api.close()))
})

async function fake(answer: (request: Received, response: ServerResponse) => void): Promise<FakeApi> {
  const api = await fakeApi(answer)
  apis.push(api)
  return api
}

const credentials = { accountSid: twilioAccount, authToken: 'test-token-1' }
const fetchFrom = (api: FakeApi, url: string, maxBytes = 1000) =>
  createTwilio(api.url, 1000).fetchMedia(url, credentials, maxBytes)

describe('a file of a message', () => {
  it('is fetched with the account’s credentials, through the redirect, with its type and name', async () => {
    const api = await fake((request, response) => {
      if (request.path === '/cdn') {
        response.setHeader('content-type', 'Image/JPEG; charset=binary')
        response.setHeader(
          'content-disposition',
          `inline; filename="../../a.jpg"; filename*=UTF-8''%C3%A1%2Fb.jpg`,
        )
        response.end('picture')
      } else response.writeHead(307, { location: '/cdn' }).end()
    })

    const media = await fetchFrom(api, `${api.url}/media/ME1`)

    expect(media).toEqual({ contentType: 'image/jpeg', fileName: 'b.jpg', content: Buffer.from('picture') })
    expect(api.received[0]?.headers.authorization).toMatch(/^Basic /)
  })

  it('of a message from the list is looked up in the list of its files', async () => {
    const api = await fake((request, response) => {
      const files = { media_list: [{ sid: 'ME1' }, { sid: 'ME2' }] }
      if (request.path.endsWith('/Media.json')) response.end(JSON.stringify(files))
      else response.setHeader('content-type', 'image/png').end(request.path)
    })
    const list = `${api.url}/2010-04-01/Accounts/AC1/Messages/MM1/Media.json`

    const media = await fetchFrom(api, `${list}#1`)

    expect(media.contentType).toBe('image/png')
    expect(String(media.content)).toBe('/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME2')
    await expect(fetchFrom(api, `${list}#2`)).rejects.toMatchObject({ kind: 'rejected' })
  })

  it.each([
    ['that is no JSON', 200, 'unreachable'],
    ['that is not there yet', 404, 'unreachable'],
    ['that is refused', 401, 'misconfigured'],
  ])('with a list of files %s is not fetched', async (_name, status, kind) => {
    const api = await fake((_, response) => response.writeHead(status).end('<html>'))

    await expect(fetchFrom(api, `${api.url}/Messages/MM1/Media.json#0`)).rejects.toMatchObject({ kind })
    expect(api.received).toHaveLength(1)
  })

  it('without a type or with a broken one is a stream of bytes', async () => {
    const api = await fake((_, response) => response.setHeader('content-type', 'nonsense').end('x'))

    const media = await fetchFrom(api, `${api.url}/media/ME1`)

    expect(media).toMatchObject({ contentType: 'application/octet-stream', fileName: null })
  })

  it.each([
    'http://api.twilio.com/x',
    'https://example.com/x',
    'https://api.twilio.com.example.com/x',
    'https://user:password@api.twilio.com/x',
    'https://api.twilio.com:8443/x',
    'https://eviltwilio.com/x',
    'https://169.254.169.254/latest',
    'file:///etc/passwd',
    'data:text/plain,x',
    'nonsense',
    '',
  ])('at %j is not fetched', async (url) => {
    const api = await fake((_, response) => response.end('x'))

    const fetching = fetchFrom(api, url)

    await expect(fetching).rejects.toMatchObject({ kind: 'rejected' })
    expect(api.received).toHaveLength(0)
  })

  it('another server of this machine is refused as a redirect, so it never sees the credentials', async () => {
    const other = await fake((_, response) => response.end('secret'))
    const api = await fake((_, response) => response.writeHead(302, { location: `${other.url}/x` }).end())

    const fetching = fetchFrom(api, `${api.url}/media/ME1`)

    await expect(fetching).rejects.toMatchObject({ kind: 'rejected' })
    expect(other.received).toHaveLength(0)
  })

  it.each([
    'https://127.0.0.1/x',
    'https://2130706433/x',
    'https://localhost/x',
    'https://10.1.2.3/x',
    'https://169.254.169.254/latest/meta-data',
    'https://[::1]/x',
    'https://[::ffff:10.0.0.1]/x',
    'https://[fe80::1]/x',
  ])('behind a redirect to %s is not fetched', async (location) => {
    const api = await fake((_, response) => response.writeHead(302, { location }).end())

    const fetching = fetchFrom(api, `${api.url}/media/ME1`)

    await expect(fetching).rejects.toMatchObject({
      kind: 'rejected',
      message: expect.stringContaining('private network'),
    })
  })

  it('behind a circle of redirects is given up', async () => {
    const api = await fake((_, response) => response.writeHead(302, { location: '/again' }).end())

    const fetching = fetchFrom(api, `${api.url}/media/ME1`)

    await expect(fetching).rejects.toMatchObject({ kind: 'rejected' })
    expect(api.received).toHaveLength(6)
  })

  it.each([
    [
      'says so',
      (response: ServerResponse) => response.setHeader('content-length', '1001').end('x'.repeat(1001)),
    ],
    [
      'does not say so',
      (response: ServerResponse) => {
        response.write('x'.repeat(600))
        response.end('x'.repeat(600))
      },
    ],
  ])('that is too large and %s is not kept', async (_name, answer) => {
    const api = await fake((_, response) => answer(response))

    const fetching = fetchFrom(api, `${api.url}/media/ME1`)

    await expect(fetching).rejects.toMatchObject({
      kind: 'rejected',
      message: expect.stringContaining('1000 bytes'),
    })
  })

  it('of exactly the limit is kept', async () => {
    const api = await fake((_, response) => response.end('x'.repeat(1000)))

    const media = await fetchFrom(api, `${api.url}/media/ME1`)

    expect(media.content).toHaveLength(1000)
  })

  it.each([
    [404, 'unreachable', true],
    [429, 'unreachable', true],
    [500, 'unreachable', true],
    [401, 'misconfigured', false],
    [403, 'misconfigured', false],
    [410, 'rejected', false],
    [204, 'rejected', false],
  ])('answered with HTTP %s: %s, to be tried again: %s', async (status, kind, retryable) => {
    const api = await fake((_, response) => response.writeHead(status).end())

    const fetching = fetchFrom(api, `${api.url}/media/ME1`)

    await expect(fetching).rejects.toMatchObject({ kind, retryable })
  })

  it('whose server breaks off is tried again', async () => {
    const api = await fake((_, response) => {
      response.writeHead(200, { 'content-length': '500' }).write('half')
      response.socket?.end()
    })

    const fetching = fetchFrom(api, `${api.url}/media/ME1`)

    await expect(fetching).rejects.toMatchObject({ kind: 'unreachable' })
  })
})

describe('an address on the internet', () => {
  it.each([
    ['8.8.8.8', false],
    ['2606:4700::1111', false],
    ['::ffff:8.8.8.8', false],
    ['127.0.0.1', true],
    ['10.255.255.255', true],
    ['172.16.0.1', true],
    ['172.32.0.1', false],
    ['192.168.1.1', true],
    ['169.254.169.254', true],
    ['100.64.0.1', true],
    ['0.0.0.0', true],
    ['::', true],
    ['::1', true],
    ['fd00::1', true],
    ['::ffff:192.168.1.1', true],
    ['64:ff9b::a00:1', true],
  ])('%s is private: %s', (address, expected) => {
    const answer = isPrivate(address)

    expect(answer).toBe(expected)
  })
})
