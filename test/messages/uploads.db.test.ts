import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let key: string

beforeAll(async () => {
  service = await startService({ idle: true })
  key = (await TestOrganization.create(service)).adminKey
})

afterAll(() => service.close())

const form = { 'content-type': 'multipart/form-data; boundary=b' }
const part = (disposition: string, content = 'abc') =>
  `--b\r\nContent-Disposition: form-data; ${disposition}\r\nContent-Type: image/png\r\n\r\n${content}\r\n`
const file = part('name="file"; filename="a.png"')

async function upload(
  body: string,
  headers: Record<string, string> = form,
): Promise<{ status: number; text: string; code: string | undefined }> {
  const answer = await fetch(`${service.url}/v1/media`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body,
  })
  const text = await answer.text()
  return { status: answer.status, text, code: JSON.parse(text).code }
}

describe('a file', () => {
  it('is taken alone', async () => {
    expect((await upload(`${file}--b--\r\n`, form)).status).toBe(201)
  })

  it.each<[string, string, string, Record<string, string>?]>([
    ['as JSON', 'unsupported_media_type', '{}', { 'content-type': 'application/json' }],
    ['without a boundary', 'unsupported_media_type', file, { 'content-type': 'multipart/form-data' }],
    ['with an empty boundary', 'malformed_body', file, { 'content-type': 'multipart/form-data; boundary=' }],
    ['that was cut off in the file', 'malformed_body', file.slice(0, -4)],
    ['that was cut off in a header', 'malformed_body', file.slice(0, 30)],
    ['that is something else', 'malformed_body', 'Hello'],
    ['under the name __proto__', 'malformed_body', `${part('name="__proto__"; filename="a.png"')}--b--\r\n`],
    ['that is missing', 'validation_failed', '--b--\r\n'],
    ['beside another', 'validation_failed', `${file}${file}--b--\r\n`],
    ['beside a field', 'validation_failed', `${file}${part('name="caption"')}--b--\r\n`],
    [
      'of more than 16 MiB',
      'body_too_large',
      `${part('name="f"; filename="a"', 'x'.repeat((16 << 20) + 1))}--b--\r\n`,
    ],
  ])('%s is refused', async (_what, code, body, headers = form) => {
    expect((await upload(body, headers)).code).toBe(code)
  })

  it('is told from another under the same Idempotency-Key', async () => {
    const keyed = { ...form, 'idempotency-key': 'one file' }

    const first = await upload(`${file}--b--\r\n`, keyed)
    const again = await upload(`${file}--b--\r\n`, keyed)
    const other = await upload(`${file.replace('abc', 'xyz')}--b--\r\n`, keyed)

    expect(first.status).toBe(201)
    expect(again.text).toBe(first.text)
    expect(other.code).toBe('idempotency_key_reused')
  })

  it('with an impossible name or type is kept all the same', async () => {
    const odd = part('name="f"; filename="../\u0000\u202ea.png"').replace(
      'image/png',
      'image/\u0000png\u00ff',
    )

    const made = await upload(`${odd}--b--\r\n`, form)
    const { id } = JSON.parse(made.text)
    const served = await fetch(`${service.url}/v1/media/${id}`, {
      headers: { authorization: `Bearer ${key}` },
    })

    expect(made.status).toBe(201)
    expect([served.status, await served.text()]).toEqual([200, 'abc'])
  })
})
