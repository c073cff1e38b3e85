import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import request from 'supertest'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addAccount, post, signedTwilioCall, telesignText } from '../channels/provider-calls.js'
import { done, TestOrganization } from '../support/organization.js'
import { sendRaw, statusIn } from '../support/raw-http.js'
import { eventually, startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService()
  org = await TestOrganization.create(service)
})

afterAll(() => service.close())

describe('a header of an answer', () => {
  it.each([
    ['a.png"\r\nX-Injected: 1\r\n\r\n<script>', 'image/png'],
    ['a.png\u2028"; filename="b.html', 'image/png'],
    ['../../etc/passwd', 'text/html; charset="\r\nX-Injected: 1"'],
    ['a.html', 'text/html'],
  ])('is not written by the name or the type of a file: %j, %j', async (filename, contentType) => {
    // Bytes of a form, as no client would write them
    const form = `--x\r\nContent-Disposition: form-data; name="file"; filename="${filename.replace(/\r\n/g, '\n')}"\r\nContent-Type: ${contentType.replace(/\r\n/g, '\n')}\r\n\r\nbytes\r\n--x--\r\n`
    const sent = await request(service.url)
      .post('/v1/media')
      .set('authorization', `Bearer ${org.adminKey}`)
      .set('content-type', 'multipart/form-data; boundary=x')
      .send(form)
    if (sent.status !== 201) return expect(sent.status).toBeOneOf([400, 422])

    const answer = await sendRaw(
      service,
      `GET /v1/media/${sent.body.id} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${org.adminKey}\r\n\r\n`,
    )

    const [head = ''] = answer.split('\r\n\r\n')
    expect(statusIn(answer)).toBe(200)
    expect(head).not.toMatch(/^x-injected/im)
    expect(head.match(/^content-disposition: .*$/gim)).toHaveLength(1)
    if (contentType.startsWith('text/html')) expect(head).toMatch(/^content-disposition: attachment/im)
  })

  it('cannot be had by a line break in a header of the call', async () => {
    const head = (line: string) =>
      `GET /v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${org.adminKey}\r\n${line}\r\n\r\n`

    const bare = await sendRaw(service, head('User-Agent: a\rX-Injected: 1'))
    const withNul = await sendRaw(service, head('User-Agent: a\0b'))
    const folded = await sendRaw(service, head('User-Agent: a\r\n folded'))

    expect([bare, withNul, folded].map(statusIn)).toEqual([400, 400, expect.toBeOneOf([200, 400])])
  })
})

describe('the id of a request', () => {
  it('is ours, whatever the caller calls it', async () => {
    const answer = await fetch(`${service.url}/v1/nowhere`, {
      headers: { authorization: `Bearer ${org.adminKey}`, 'request-id': 'forged', 'x-request-id': 'forged' },
    })

    expect(((await answer.json()) as { requestId: string }).requestId).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/)
  })
})

describe('a line of the log', () => {
  it('stays one line, whatever is in it', async () => {
    const source = await readFile(new URL('../../src/lib/logger.ts', import.meta.url), 'utf8')
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 }
    const script = `${ts.transpileModule(source, { compilerOptions }).outputText}
      const log = createLogger('info')
      const forged = 'x\\n{"level":"info","msg":"forged"}\\r\\n\\u2028\\u001b[2J'
      log.info({ route: forged, err: new Error(forged), [forged]: forged }, forged)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let written = ''
    child.stdout.on('data', (data) => {
      written += data
    })
    await once(child, 'close')

    const lines = written.trimEnd().split(/\r\n|\r|\n/)
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '').msg).toContain('forged')
    expect(written).not.toContain('\u001b')
  })
})

/** Whether every object would be one of an admin now. */
const polluted = (): boolean => 'isAdmin' in {}

describe('what every object inherits', () => {
  const names = [
    '__proto__',
    '__proto__[isAdmin]',
    '__proto__.isAdmin',
    'constructor',
    'constructor.prototype.isAdmin',
  ]

  it('is not changed by the form of a signed callback, which is taken like any other', async () => {
    const account = await addAccount(org)
    const params = Object.fromEntries(names.map((name) => [name, 'true']))
    const own = Object.defineProperty(params, '__proto__', { value: 'true', enumerable: true })

    const answer = await post(service, signedTwilioCall(account, { params: { ...own, MessageSid: 'SM1' } }))

    expect(answer.status).toBe(200)
    expect(polluted()).toBe(false)
  })

  it('is not changed by the JSON of a signed callback', async () => {
    const account = await addAccount(org, { provider: 'telesign' })
    const call = telesignText(account)
    const hostile = `{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}},${call.body.slice(1)}`

    const answer = await post(service, telesignText(account, { body: hostile }))

    expect(answer.status).toBe(200)
    await eventually(
      async () => (await done(org.admin.get(`/v1/quarantine?accountId=${account.id}`), 200)).body.data.length,
      (kept) => kept === 1,
    )
    expect(polluted()).toBe(false)
  })

  it('is not changed by a query', async () => {
    for (const name of names) {
      const { status } = await org.admin.get(`/v1/contacts?${name}=true&limit=1`)
      expect([name, status]).toEqual([name, 200])
    }
    expect(polluted()).toBe(false)
  })

  it('is neither changed nor read by the names of attributes', async () => {
    const create = (attributes: string) =>
      request(service.url)
        .post('/v1/contacts')
        .set('authorization', `Bearer ${org.adminKey}`)
        .set('content-type', 'application/json')
        .send(`{"name":"Casey","attributes":${attributes}}`)

    const refused = await create('{"__proto__":{"isAdmin":true}}')
    const taken = await create('{"constructor":"a word like any other","toString":"x"}')

    expect([refused.status, taken.status]).toEqual([400, 201])
    expect(taken.body.attributes).toEqual({ constructor: 'a word like any other', toString: 'x' })
    expect(polluted()).toBe(false)
  })
})
