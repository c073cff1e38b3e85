import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../support/api-call.js'
import { type Furnished, fillPath, furnish } from '../support/furnished.js'
import { startService, type TestService } from '../support/service.js'

/** No browser guesses at a type, frames an answer, tells the next site where it was, or speaks plain HTTP again. */
const onEveryAnswer: Readonly<Record<string, RegExp>> = {
  'x-content-type-options': /^nosniff$/,
  'x-frame-options': /^DENY$/,
  'referrer-policy': /^no-referrer$/,
  'strict-transport-security': /^max-age=\d{7,}/,
  'content-security-policy': /^default-src '(none|self)'/,
}

let service: TestService
let home: Furnished

beforeAll(async () => {
  service = await startService()
  home = await furnish(service, 'homeland')
})

afterAll(() => service.close())

function missingIn(headers: Headers): string[] {
  return Object.entries(onEveryAnswer)
    .filter(([name, form]) => !form.test(headers.get(name) ?? ''))
    .map(([name]) => `${name}: ${headers.get(name)}`)
}

/** What providers call is left out: programs, on the hottest path, that get a constant or a problem. */
const seenByBrowsers = () => service.routes.filter(({ url }) => !url.startsWith('/callbacks/'))

describe('every answer has the headers that keep a browser safe', () => {
  it('on every route, with a good key and with none', async () => {
    const faults: string[] = []

    for (const { method, url, name, config } of seenByBrowsers()) {
      const path = fillPath(url.replace('*', 'index.html'), (segment) => home.ids[segment] ?? home.org.id)
      const key = config.access === 'platform' ? service.platformKey : home.keys.admin
      for (const each of [key, null]) {
        const { headers, status } = await call(service, { method, path, key: each })
        const missing = missingIn(headers)
        if (missing.length > 0) faults.push(`${name} (${status}) lacks ${missing}`)
        if (headers.has('x-powered-by') || headers.has('server')) faults.push(`${name} says what it runs on`)
        const isKept = !/no-store|private/.test(headers.get('cache-control') ?? '')
        if (url.startsWith('/v1/') && isKept) faults.push(`${name} (${status}) may be kept on the way`)
      }
    }

    expect(faults).toEqual([])
  })

  it.each([
    ['an unknown address', 'GET', '/nowhere', 404],
    ['an unknown address below /v1', 'GET', '/v1/nowhere', 404],
    ['an address that cannot be read', 'GET', '/%zz', 404],
    ['a method that it does not have', 'PUT', '/v1/queues', 404],
    ['a body that is too large', 'POST', '/v1/queues', 413],
    ['a file whose link is forged', 'GET', '/media/a/b?expires=1&signature=x', 404],
  ])('on %s', async (_what, method, path, expected) => {
    const body = expected === 413 ? { name: 'x'.repeat(1024 * 1024) } : null

    const { status, headers } = await call(service, { method, path, key: home.keys.admin, body })

    expect(status).toBe(expected)
    expect(missingIn(headers)).toEqual([])
  })
})

it('callbacks, which programs send, have none of them: no hook for browsers runs there', async () => {
  const callbacks = service.routes.filter(({ url }) => url.startsWith('/callbacks/'))
  const sent: string[] = []

  for (const { method, url } of callbacks) {
    const path = fillPath(url, () => 'A'.repeat(43))
    const { headers } = await call(service, { method, path, key: null })
    sent.push(...Object.keys(onEveryAnswer).filter((name) => headers.has(name)))
  }

  expect(callbacks.length).toBeGreaterThan(0)
  expect(sent).toEqual([])
})

describe('a page', () => {
  it('runs no script that is not its own: only the reference is one', async () => {
    const policyOf = async (path: string, key: string | null) =>
      (await call(service, { method: 'GET', path, key })).headers.get('content-security-policy') ?? ''

    expect(await policyOf('/docs', null)).toMatch(/^default-src 'self'/)
    expect(await policyOf('/docs', null)).not.toMatch(/script-src|unsafe-eval|https?:/)
    expect(await policyOf('/v1/me', home.keys.agent)).toBe("default-src 'none';frame-ancestors 'none'")
    expect(await policyOf(`/v1/media/${home.ids['media']}`, home.keys.admin)).toBe(
      "default-src 'none'; sandbox",
    )
  })
})
