import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Furnished, furnish } from '../support/furnished.js'
import { sendRaw, statusIn } from '../support/raw-http.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let home: Furnished

beforeAll(async () => {
  service = await startService({ publicPath: '/parley' })
  home = await furnish(service, 'homeland')
})

afterAll(() => service.close())

/** As it is written here: an HTTP client would tidy the address up first. */
const get = (target: string, headers = ''): Promise<string> =>
  sendRaw(service, `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`)

const spellings = [
  '/v1/../v1/contacts',
  '/v1/./contacts',
  '//v1/contacts',
  '/v1//contacts',
  '/v1/contacts/',
  '/v1/contacts/.',
  '/v1/contacts;a=b',
  '/v1/contacts%00',
  '/v1/contacts%20',
  '/v1%2fcontacts',
  '/%76%31/contacts',
  '/v1/%63ontacts',
  '/V1/contacts',
  '\\v1\\contacts',
  '/docs/../v1/contacts',
  '/docs/static/..%2f..%2fv1/contacts',
  '/callbacks/../v1/contacts',
  '/media/../v1/contacts',
  '/healthz/../v1/contacts',
  '/parley/v1/contacts',
  '/parley/../v1/contacts',
  '/parley//v1/contacts',
  '/parley/parley/v1/contacts',
  'http://x/v1/contacts',
  'http://x/parley/v1/contacts',
]

describe('an address that needs a key', () => {
  it.each(spellings)('needs it however it is spelt: %s', async (target) => {
    const answer = await get(target)

    expect(statusIn(answer)).toBeOneOf([400, 401, 404])
    expect(answer).not.toContain('homeland')
  })

  it.each(['x-original-url: /v1/contacts', 'x-rewrite-url: /v1/contacts', 'x-http-method-override: DELETE'])(
    'is not reached by a header: %s',
    async (header) => {
      const answer = await get('/healthz', `${header}\r\n`)

      expect(statusIn(answer)).toBe(200)
      expect(answer).not.toContain('homeland')
    },
  )
})

describe('the files of the reference', () => {
  it.each([
    '/docs/static/../../../package.json',
    '/docs/static/..%2f..%2f..%2fpackage.json',
    '/docs/static/%2e%2e/%2e%2e/package.json',
    '/docs/static/..%5c..%5cpackage.json',
    '/docs/static/%252e%252e%252fpackage.json',
    '/docs/static//etc/passwd',
    '/docs/static/%2fetc%2fpasswd',
    '/docs/static/index.html%00.png',
  ])('are all that can be had there: %s', async (target) => {
    const answer = await get(target)

    expect(statusIn(answer)).toBe(404)
    expect(answer).not.toMatch(/"dependencies"|root:/)
  })
})

describe('the id in an address', () => {
  it.each([
    '..%2fqueues',
    '%2e%2e',
    "' OR 1=1 --",
    '{"gt":""}',
    '00000000-0000-0000-0000-000000000000',
    '%0d%0aSet-Cookie:a',
  ])('is an id or names nothing: %s', async (id) => {
    const answer = await get(
      `/v1/contacts/${encodeURI(id).replaceAll('%25', '%')}`,
      `Authorization: Bearer ${home.keys.admin}\r\n`,
    )

    expect(statusIn(answer)).toBe(404)
    expect(answer).not.toMatch(/^set-cookie/im)
  })
})
