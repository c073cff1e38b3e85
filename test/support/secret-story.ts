import { randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { expect } from 'vitest'
import { rotateStoredSecrets } from '../../src/rotate-stored-secrets.js'
import { call } from './api-call.js'
import { EventListener } from './event-listener.js'
import { type Furnished, fillPath, furnish, referencesOf } from './furnished.js'
import { type ChannelKind, done, newCustomer, type TestAgent, type TestOrganization } from './organization.js'
import { type ReplyDesk, replyDesk } from './reply.js'
import { sampleBodies } from './sample-bodies.js'
import { eventually, startService, type TestService } from './service.js'
import { tellProvider } from './simulator.js'
import { runSql } from './sql.js'

/** Words that are in names and texts and in nothing else. */
export const words = ['quillfeather', 'brambleworth', 'snickersnee'] as const
const [here, there, spoken] = words

/** What somebody sends where it does not belong. */
export const strayed = `strayed${randomBytes(24).toString('hex')}`

export interface Answer {
  route: string
  status: number
  /** With its headers */
  text: string
}

/** All that came out of a service to which everything happened, and what must not be in it. */
export interface Told {
  log: string
  /** On standard output and error */
  printed: string
  answers: Answer[]
  events: string
  /** Each table as text, by its name with the schema */
  tables: Map<string, string>
  /** The log of the database server */
  serverLog: string
  secrets: Map<string, string>
  callbackTokens: string[]
  /** Keys and tokens of callers, which are shown once */
  issued: string[]
  phones: string[]
}

interface Place {
  org: TestOrganization
  agent: TestAgent
  keys: string[]
}

const encryptionKeys = ['k1', 'k2'].map((id) => ({ id, key: randomBytes(32) }))

/** Whoever adds a route has it told here, for every route is called with its sample body and with things that stray. */
export async function tellSecretStory(): Promise<{ service: TestService; told: Told }> {
  const log: string[] = []
  const printed: string[] = []
  const answers: Answer[] = []
  const urls = new Set<string>()
  const restore = watchOutput(printed)
  try {
    const service = await startWatched(log, answers, urls)
    const homes = [await furnish(service, here), await furnish(service, there)] as const
    const desks: ReplyDesk[] = []
    for (const kind of ['twilio sms', 'twilio whatsapp', 'telesign sms'] satisfies ChannelKind[])
      desks.push(await troubledDesk(service, kind))
    await fileIsSent(service, homes[0])
    const wrong = await secretsInWrongPlaces(service, desks)
    await databaseRefuses(service, homes[0])
    await everythingIsRead(service, homes)
    await everythingStrays(service, homes[0])
    await keysAreRotated(service, printed)
    const events = await everyEvent(service, [
      ...homes.map((home) => ({ ...home, keys: Object.values(home.keys) })),
      ...desks.map((desk) => ({ ...desk, keys: [desk.org.adminKey, desk.agent.key] })),
    ])
    const tables = await dump(service)
    const told = {
      log: log.join(''),
      printed: printed.join(''),
      answers,
      events,
      tables,
      serverLog: await databaseServerLog(service),
      secrets: secretsOf(service, { desks, wrong, homes, urls }),
      callbackTokens: found(urls, /^\/callbacks\/\w+\/([\w-]{43})/),
      issued: found(
        answers.map(({ text }) => text),
        /parley_(?:key|agt)_[\w-]{43}/,
      ),
      phones: phonesIn(tables),
    }
    return { service, told }
  } finally {
    restore()
  }
}

function watchOutput(printed: string[]): () => void {
  const streams = [process.stdout, process.stderr]
  const writes = streams.map((stream) => stream.write)
  for (const stream of streams) {
    stream.write = ((chunk: unknown) => {
      printed.push(String(chunk))
      return true
    }) as typeof stream.write
  }
  return () => {
    for (const [index, stream] of streams.entries()) stream.write = writes[index] as typeof stream.write
  }
}

async function startWatched(log: string[], answers: Answer[], urls: Set<string>): Promise<TestService> {
  // The simulator is built with Fastify too, before the API
  let api: FastifyInstance | null = null
  const onInstance = (message: unknown) => {
    const { fastify } = message as { fastify: FastifyInstance }
    api = fastify
    fastify.addHook('onSend', async (request, reply, payload) => {
      if (api !== fastify) return
      urls.add(request.raw.url ?? '')
      answers.push({
        route: `${request.method} ${request.routeOptions.url ?? 'unknown'}`,
        status: reply.statusCode,
        text: `${JSON.stringify(reply.getHeaders())}\n${payload}`,
      })
    })
  }
  subscribe('fastify.initialization', onInstance)
  const logTo = { write: (line: string) => log.push(line) }
  const service = await startService({ logLevel: 'trace', logTo, encryptionKeys })
  unsubscribe('fastify.initialization', onInstance)
  return service
}

/** A conversation in which the provider fails in every way that does not take long. */
async function troubledDesk(service: TestService, kind: ChannelKind): Promise<ReplyDesk> {
  const at = await replyDesk(service, kind)
  await at.customerTexts(`${spoken} from the customer`)
  const first = await at.reply(`${spoken} from the agent`)
  await at.message(first.id, ({ status }) => ['delivered', 'read'].includes(status))
  await done(
    at.org.as(at.agent).post(`/v1/conversations/${at.id}/notes`, { text: `${spoken} as a note` }),
    201,
  )
  for (const mode of ['refuse', 'fail_delivery', 'http_429', 'malformed']) {
    await tellProvider(service, 'faults', { to: at.customer, mode, code: '99999' })
    await at.reply(`${spoken} refused by ${mode}`)
  }
  await eventually(
    () => runSql(service, `SELECT 1 FROM messages WHERE attempts > 0 AND conversation_id = $1`, [at.id]),
    (tried) => tried.length >= 3,
    30_000,
  )
  return at
}

async function fileIsSent(service: TestService, { org, agent, ids, upload }: Furnished): Promise<void> {
  const media = [{ id: await upload() }]
  const path = `/v1/conversations/${ids['conversations']}/messages`
  const { body } = await done(org.as(agent).post(path, { text: spoken, media }), 202)
  await org.message(ids['conversations'] ?? '', body.id, ({ status }) => status === 'delivered')
  await fetch(`${service.url}/media/${org.id}/${media[0]?.id}?expires=9999999999999&signature=${strayed}`)
}

/** Credentials that are rotated, wrong, incomplete, swapped; calls that carry secrets in the address. Answers those used. */
async function secretsInWrongPlaces(service: TestService, desks: ReplyDesk[]): Promise<string[]> {
  const used: string[] = []
  for (const { org, number, customer } of desks) {
    const [accountField = '', secretField = ''] = Object.keys(number.credentials)
    const fresh = () => {
      const secret =
        secretField === 'apiKey' ? randomBytes(64).toString('base64') : randomBytes(16).toString('hex')
      used.push(secret)
      return secret
    }
    const path = `/v1/channel-accounts/${number.accountId}`
    const change = (body: object) => org.admin.patch(path, body)
    const rotated = { ...number.credentials, [secretField]: fresh() }
    await done(org.admin.post(`${path}/validate`), 200)
    await done(change({ credentials: rotated, keepPreviousSecretForHours: 2 }), 200)
    await done(org.admin.post(`${path}/validate`), 200)
    await org.customerTexts(customer, number, `${spoken} signed with the secret before`)
    for (const body of [
      { credentials: { ...number.credentials, [accountField]: `${fresh()}?` } },
      { credentials: { ...number.credentials, [secretField]: `${fresh()} ` } },
      { credentials: { [secretField]: fresh() } },
      { credentials: { ...number.credentials, password: fresh() } },
      { credentials: fresh() },
      { sandbox: fresh() },
      { authToken: fresh() },
    ])
      expect((await change(body)).status).toBe(422)
    const signature = {
      authorization: `TSA x:${fresh()}`,
      'x-twilio-signature': fresh(),
      'x-ts-authorization': fresh(),
    }
    for (const url of [number.callbackUrl.replace(/#.*/, ''), `${service.url}/callbacks/twilio/${fresh()}`])
      await fetch(url, { method: 'POST', headers: signature, body: `AccountSid=${fresh()}&Body=${spoken}` })
    for (const authorization of [
      `Bearer ${fresh()}`,
      `Basic ${fresh()}`,
      `Bearer parley_key_${fresh().replace(/\W/g, '')}`,
    ])
      await fetch(`${service.url}/v1/me?token=${encodeURIComponent(fresh())}`, { headers: { authorization } })
    await fetch(`${service.url}/v1/${encodeURIComponent(fresh())}?key=${org.adminKey}`)
    await fetch(`${service.url}/%E0%A4%A?key=${org.adminKey}`)
  }
  return used
}

/** Every route gets the thing that strays in each field of its body, as a field, in its address and its headers. */
async function everythingStrays(service: TestService, home: Furnished): Promise<void> {
  for (const { method, url, name, schema } of service.routes) {
    if (!url.startsWith('/v1/')) continue
    const isPlatforms = url.startsWith('/v1/organizations')
    const path = fillPath(url, (segment) => (isPlatforms ? home.org.id : home.ids[segment]))
    const sample = sampleBodies[name]?.(referencesOf(home)) ?? {}
    const bodies = [
      ...Object.keys(sample).map((field) => ({ ...sample, [field]: { nested: strayed } })),
      { ...sample, token: strayed },
      [strayed],
      strayed,
    ]
    const ask = (more: { path: string; body?: unknown; headers?: Record<string, string> }) =>
      call(service, { method, key: isPlatforms ? service.platformKey : home.keys.admin, ...more })
    if (schema?.body) for (const body of bodies) await ask({ path, body })
    if (method !== 'DELETE') await ask({ path: `${path}?limit=${strayed}&cursor=${strayed}` })
    await ask({ path: fillPath(url, () => strayed), headers: { 'last-event-id': strayed } })
  }
  for (const body of [`{"text":"${strayed}`, `text=${strayed}`])
    for (const type of ['application/json', `text/${strayed}`])
      await fetch(`${service.url}/v1/contacts`, {
        method: 'POST',
        headers: { authorization: `Bearer ${home.keys.admin}`, 'content-type': type },
        body,
      })
}

/** Faults of ours, in calls and in jobs: what the database says of a row that it refuses names the row. */
async function databaseRefuses(service: TestService, { org, agent, ids }: Furnished): Promise<void> {
  const { body } = await done(org.admin.get(`/v1/channel-numbers/${ids['channel-numbers']}`), 200)
  await runSql(
    service,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN RAISE 'invalid input syntax for type row: "%"', NEW USING ERRCODE = '22P02'; END $$;
     CREATE TRIGGER refuse BEFORE INSERT ON contacts FOR EACH ROW EXECUTE FUNCTION refuse();
     CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse();
     CREATE TRIGGER refuse BEFORE INSERT ON channel_accounts FOR EACH ROW EXECUTE FUNCTION refuse();
     CREATE TRIGGER refuse BEFORE INSERT ON access_keys FOR EACH ROW EXECUTE FUNCTION refuse()`,
  )
  const references = { agentId: ids['agents'] ?? '' } as Parameters<
    NonNullable<(typeof sampleBodies)[string]>
  >[0]
  for (const name of ['POST /v1/contacts', 'POST /v1/channel-accounts', 'POST /v1/api-keys'])
    await done(org.admin.post(name.slice(5), sampleBodies[name]?.(references)), 500)
  const path = `/v1/conversations/${ids['conversations']}/messages`
  await done(org.as(agent).post(path, { text: `${spoken} "that" is\nrefused` }), 500)
  await org.customerTexts(newCustomer(), body, `${spoken} "that" is\nrefused`)
  await eventually(
    () => runSql(service, 'SELECT 1 FROM inbox WHERE attempts > 0 AND org_id = $1', [org.id]),
    (putBack) => putBack.length > 0,
    30_000,
  )
  await runSql(service, 'DROP FUNCTION refuse CASCADE')
  const data = { name: 17, mobilePhone: newCustomer(), email: strayed, attributes: { [strayed]: spoken } }
  const wrongCall = service.parts.db.inOrg(org.id, (tx) => tx.contact.create({ data: data as never }))
  await wrongCall.catch((err: unknown) => service.parts.log.error({ err }, 'a call that the client refuses'))
}

/** Every list, row and summary, and what needs no key. */
async function everythingIsRead(service: TestService, homes: readonly Furnished[]): Promise<void> {
  for (const { method, url } of service.routes) {
    if (method !== 'GET' || url.startsWith('/callbacks') || url.startsWith('/media')) continue
    for (const { ids, keys, org } of homes)
      for (const key of [...Object.values(keys), service.platformKey, null]) {
        const path = url.startsWith('/v1') ? fillPath(url, (segment) => ids[segment] ?? org.id) : url
        await call(service, { method, path, key })
      }
  }
}

async function keysAreRotated({ databaseUrl }: TestService, printed: string[]): Promise<void> {
  const newestFirst = encryptionKeys.toReversed()
  const say = (line: string) => printed.push(line)
  expect(await rotateStoredSecrets({ databaseUrl, encryptionKeys: newestFirst, say })).toBe(true)
}

/** What streams tell from the beginning, up to something that everybody hears. */
async function everyEvent(service: TestService, places: Place[]): Promise<string> {
  const heard: unknown[] = []
  for (const { org, agent, keys } of places) {
    const listeners = await Promise.all(keys.map((key) => EventListener.open(service, key, '0')))
    await done(org.admin.put(`/v1/agents/${agent.id}/presence`, { presence: 'do_not_disturb' }), 200)
    for (const listener of listeners) {
      await listener.first(({ data }) => data.agent?.presence === 'do_not_disturb')
      listener.stop()
      heard.push(listener.heard)
    }
  }
  return JSON.stringify(heard)
}

/** Every table of every schema, as text, as the superuser: more than a dump holds. */
async function dump(service: TestService): Promise<Map<string, string>> {
  const tables = await runSql<{ name: string }>(
    service,
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  )
  const entries = tables.map(async ({ name }) => {
    const rows = await runSql<{ row: string }>(service, `SELECT t::text AS row FROM ${name} t`)
    return [name, rows.map(({ row }) => row).join('\n')] as const
  })
  return new Map(await Promise.all(entries))
}

async function databaseServerLog(service: TestService): Promise<string> {
  const [row] = await runSql<{ folder: string }>(
    service,
    `SELECT current_setting('data_directory') AS folder`,
  )
  return readFile(join(dirname(row?.folder ?? ''), 'postgres.log'), 'utf8')
}

function secretsOf(
  { platformKey, databaseUrl }: TestService,
  {
    desks,
    wrong,
    homes,
    urls,
  }: { desks: ReplyDesk[]; wrong: string[]; homes: readonly Furnished[]; urls: Set<string> },
): Map<string, string> {
  const secrets = new Map([
    ['the platform key', platformKey],
    ['the password of the database', new URL(databaseUrl).password],
  ])
  for (const { id, key } of encryptionKeys)
    for (const form of ['base64', 'base64url', 'hex'] as const)
      secrets.set(`encryption key ${id} in ${form}`, key.toString(form))
  const providers = [
    ...desks.map(({ number }) => number.credentials),
    ...homes.map(({ credentials }) => credentials),
  ]
  for (const [accountId = '', secret = ''] of providers.map(Object.values)) {
    secrets.set(`the secret of ${accountId}`, secret)
    secrets.set(`the header of ${accountId}`, Buffer.from(`${accountId}:${secret}`).toString('base64'))
  }
  for (const [index, secret] of wrong.entries()) secrets.set(`misplaced secret ${index}`, secret)
  for (const signature of found(urls, /^\/media\/.*signature=((?!strayed)[\w-]{43})/))
    secrets.set(`the link ${signature}`, signature)
  return secrets
}

function found(texts: Iterable<string>, pattern: RegExp): string[] {
  const all = new RegExp(pattern, 'g')
  const matches = [...texts].flatMap((text) => [...text.matchAll(all)].map(([whole, part]) => part ?? whole))
  return [...new Set(matches)]
}

/** The digits of all numbers in conversations and at work: no form of one has fewer. */
function phonesIn(tables: Map<string, string>): string[] {
  const rows = `${tables.get('public.conversations')}\n${tables.get('public.channel_numbers')}\n${tables.get('public.contacts')}`
  return found([rows], /\+(\d{10,15})/)
}
