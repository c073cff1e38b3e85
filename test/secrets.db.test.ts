import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { strayed, type Told, tellSecretStory, words } from './support/secret-story.js'
import type { TestService } from './support/service.js'

let service: TestService
let told: Told

beforeAll(async () => {
  const story = await tellSecretStory()
  service = story.service
  told = story.told
}, 240_000)

afterAll(() => service.close())

/** Those answers show a new key once, and the address for callbacks. */
const issuing = ['POST /v1/organizations', 'POST /v1/api-keys', 'POST /v1/agents/:id/tokens']
const tellsCallbackUrls = /^(GET|POST|PATCH) \/v1\/channel-accounts/

/** The names of the secrets that are in there, with what stands around each. */
function secretsIn(text: string, secrets: Iterable<readonly [string, string]> = told.secrets): string[] {
  return [...secrets].flatMap(([name, secret]) => {
    const at = text.indexOf(secret)
    return at < 0 ? [] : [`${name}: ${text.slice(Math.max(0, at - 150), at + secret.length + 50)}`]
  })
}

const named = (what: string, values: readonly string[]) => values.map((value) => [what, value] as const)

const keysAndTokens = () => [
  ...named('a key or token', told.issued),
  ...named('a callback token', told.callbackTokens),
  ...named('what strayed', [strayed]),
]

describe('what must stay secret', () => {
  it('is known to this test', () => {
    expect(told.secrets.size).toBeGreaterThan(60)
    expect(told.issued.length).toBeGreaterThan(10)
    expect(told.callbackTokens.length).toBeGreaterThan(4)
    expect(told.phones.length).toBeGreaterThan(8)
    expect([...told.secrets.keys()].filter((name) => name.startsWith('the link'))).not.toEqual([])
    expect([...told.secrets.values()].filter((secret) => secret.length < 16)).toEqual([])
  })

  it('is in no line of the log, at any level, nor in anything that is printed', () => {
    for (const text of [told.log, told.printed]) {
      expect(secretsIn(text)).toEqual([])
      expect(secretsIn(text, keysAndTokens())).toEqual([])
    }
  })

  it('and neither texts, names nor whole phone numbers are in the log', () => {
    for (const text of [told.log, told.printed]) {
      expect(secretsIn(text, named('a word of people', words))).toEqual([])
      expect(secretsIn(text, named('a phone number', told.phones))).toEqual([])
    }
  })

  it('is in no answer, keys and tokens once excepted', () => {
    const leaks = told.answers.flatMap(({ route, text }) => {
      const allowed = new Set(tellsCallbackUrls.test(route) ? told.callbackTokens : [])
      const hidden = keysAndTokens().filter(
        ([what, value]) => what === 'a callback token' && !allowed.has(value),
      )
      return secretsIn(text, [...told.secrets, ...hidden]).map((leak) => `${route} ${leak}`)
    })
    const shown = told.issued.map((key) => told.answers.filter(({ text }) => text.includes(key)))

    expect(leaks).toEqual([])
    expect(shown.map((times) => times.length)).toEqual(told.issued.map(() => 1))
    for (const [answer] of shown) expect(issuing).toContain(answer?.route)
  })

  it('is not repeated to whoever sends it where it does not belong', () => {
    const repeated = told.answers
      .filter(({ status, text }) => status >= 400 && text.includes(strayed))
      .map(({ route, text }) => `${route} ${secretsIn(text, named('what strayed', [strayed]))}`)

    expect(repeated).toEqual([])
  })

  it('is in no event', () => {
    expect(told.events).toContain('message.failed')
    expect(secretsIn(told.events)).toEqual([])
    expect(secretsIn(told.events, keysAndTokens())).toEqual([])
  })

  it('is in no table, but for the address of callbacks', () => {
    const leaks = [...told.tables].flatMap(([table, rows]) => {
      const isAddress = ['public.channel_accounts', 'public.callbacks'].includes(table)
      const hidden = keysAndTokens().filter(
        ([what]) => what === 'a key or token' || (what === 'a callback token' && !isAddress),
      )
      return secretsIn(rows, [...told.secrets, ...hidden]).map((leak) => `${table} ${leak}`)
    })

    expect([...told.tables.keys()]).toContain('public.channel_accounts')
    expect(leaks).toEqual([])
  })

  it('is not in the log of the database server, nor is what people write', () => {
    expect(secretsIn(told.serverLog)).toEqual([])
    expect(secretsIn(told.serverLog, keysAndTokens())).toEqual([])
    expect(secretsIn(told.serverLog, named('a word of people', words))).toEqual([])
  })
})

describe('the story', () => {
  it('had faults of ours, refusals of every kind and every route in it', () => {
    const statuses = new Set(told.answers.map(({ status }) => status))
    const routes = new Set(told.answers.map(({ route }) => route))
    const untold = service.routes.filter(({ name, url }) => url.startsWith('/v1/') && !routes.has(name))

    expect([...statuses]).toEqual(
      expect.arrayContaining([200, 201, 202, 400, 401, 403, 404, 409, 415, 422, 500]),
    )
    expect(untold.map(({ name }) => name).filter((name) => name !== 'GET /v1/events')).toEqual([])
    expect(told.log).toContain('a callback could not be processed')
  })
})
