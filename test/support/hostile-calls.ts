import fc from 'fast-check'
import { z } from 'zod'
import type { ApiRoute } from './api-watch.js'
import { type Furnished, referencesOf } from './furnished.js'
import { sampleBodies } from './sample-bodies.js'

export interface HostileCall {
  key: string
  path: string
  headers: Record<string, string>
  body: string | null
}

/** Who calls, and what their calls may hit. */
export interface Reachable {
  home: Furnished
  platformKey: string
  /** The organization that the platform's calls reach: what they switch off must not stop the others */
  victim: string
}

/** Texts that have broken programs before. */
export const oddText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    '\u0000',
    '\ud800',
    '%00',
    '../..',
    "'; DROP TABLE contacts; --",
    '%',
    '\\',
    '{}',
    'null',
  ),
  fc.constantFrom('__proto__', 'constructor', 'x'.repeat(5000), '0', '-1', '1e999', '99999999999999999999'),
  fc.constantFrom(
    '2026-01-01T00:00:00.000Z',
    '+14252306549',
    'US',
    'en-US',
    'Europe/Berlin',
    'a@example.com',
  ),
)
const oddValue = fc.oneof(
  oddText,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(0, -1, 1e308, 2 ** 31, 2 ** 53, 0.1, true, null, [], {}, [[]], [null], {
    id: null,
  }),
)

/** Names that mean something to some route reach further into it than names that mean nothing to any. */
function bodiesOf({ name, schema }: ApiRoute, { home }: Reachable): fc.Arbitrary<unknown> {
  const sample = sampleBodies[name]?.(referencesOf(home)) ?? {}
  const known = schema?.body instanceof z.ZodType ? propertyNames(schema.body) : []
  const name_ = fc.oneof(fc.constantFrom(...known, 'id'), oddText)
  return fc.oneof(
    fc.constant(sample),
    fc.dictionary(name_, oddValue, { maxKeys: 3 }).map((changes) => ({ ...sample, ...changes })),
    fc.dictionary(name_, fc.oneof(oddValue, fc.constantFrom(...Object.values(home.ids))), { maxKeys: 6 }),
    oddValue,
  )
}

const propertyNames = (schema: z.ZodType): string[] =>
  Object.keys(z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }).properties ?? {})

/** Anything at all, with a valid key of each role that the route knows. */
export function hostileCalls(route: ApiRoute, reachable: Reachable): fc.Arbitrary<HostileCall> {
  const { platformKey, home } = reachable
  const keys = route.config.access === 'platform' ? [platformKey] : Object.values(home.keys)
  const queryNames =
    route.schema?.querystring instanceof z.ZodType ? propertyNames(route.schema.querystring) : []
  const query = fc
    .array(fc.tuple(fc.constantFrom(...queryNames, 'limit', 'x[y]'), queryValue), { maxLength: 3 })
    .map((pairs) => pairs.map(([name, value]) => `${name}=${encoded(value)}`).join('&'))
  const text = fc.oneof(
    { weight: 5, arbitrary: bodiesOf(route, reachable).map((body) => JSON.stringify(body) ?? '') },
    { weight: 1, arbitrary: oddText },
  )
  return fc.record({
    key: fc.constantFrom(...keys),
    path: fc
      .tuple(pathsOf(route, reachable), query)
      .map(([path, search]) => (search ? `${path}?${search}` : path)),
    headers: headersOf(),
    body: ['GET', 'HEAD'].includes(route.method) ? fc.constant(null) : text,
  })
}

const queryValue = fc.oneof(
  oddText,
  fc.constantFrom('1', '100', 'mine', 'open', 'all', 'closed_today', 'activity', 'closed'),
  fc
    .array(oddText, { maxLength: 2 })
    .map((values) => Buffer.from(JSON.stringify(values)).toString('base64url')),
)

/** Half a surrogate pair cannot be written in a URL by ordinary means. */
const encoded = (value: string): string => encodeURIComponent(value.toWellFormed())

/** The parameters hold rows that there are, rows that there are not, and what is no id at all. */
function pathsOf({ url }: ApiRoute, { home, victim }: Reachable): fc.Arbitrary<string> {
  const parts = url.split('/').map((part, index, all) => {
    if (!part.startsWith(':')) return fc.constant(part.replace('*', 'index.html'))
    const segment = all[index - 1] ?? ''
    const row = segment === 'organizations' ? victim : home.ids[segment]
    return fc.oneof(
      { weight: 6, arbitrary: fc.constant(row ?? 'a'.repeat(43)) },
      { weight: 2, arbitrary: fc.constantFrom(...Object.values(home.ids)) },
      { weight: 1, arbitrary: fc.uuid() },
      { weight: 1, arbitrary: oddText.map(encoded) },
    )
  })
  return fc.tuple(...parts).map((all) => all.join('/'))
}

const headersOf = (): fc.Arbitrary<Record<string, string>> =>
  fc.record(
    {
      'content-type': fc.oneof(
        { weight: 8, arbitrary: fc.constant('application/json') },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            'text/plain',
            'application/x-www-form-urlencoded',
            'multipart/form-data; boundary=x',
            'multipart/form-data',
            'application/json; charset=utf-7',
            ';',
          ),
        },
      ),
      'idempotency-key': fc.constantFrom('', 'a', 'b', '\u00ff', 'x'.repeat(255), 'x'.repeat(256), '{}'),
      'last-event-id': fc.constantFrom('0', '-1', 'x', '99999999999999999999', '999999999999999999'),
      'content-encoding': fc.constantFrom('gzip', 'identity'),
      'x-forwarded-for': fc.constantFrom('127.0.0.1', 'x'),
      accept: fc.constantFrom('text/html', '*/*', ''),
      range: fc.constantFrom('bytes=0-1', 'bytes=9-1'),
    },
    { requiredKeys: ['content-type'] },
  )
