import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const advisory = {
  id: 1234567,
  url: 'https://github.com/advisories/GHSA-test-test-test',
  title: 'Something bad',
  severity: 'high',
  vulnerable_versions: '<99.0.0',
  cwe: [],
  cvss: { score: 7, vectorString: null },
}

let folder: string
let registry: Server
let answer: { status: number; advisories: object }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parley-audit-'))
  registry = createServer((request, response) => {
    const { status, advisories } = request.method === 'POST' ? answer : { status: 404, advisories: {} }
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(advisories))
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => registry.once('listening', resolve))
})

afterEach(async () => {
  registry.close()
  await rm(folder, { recursive: true, force: true })
})

/** With this registry, and this text as docs/security.md. */
async function audit(explanations = ''): Promise<{ code: number | string; said: string }> {
  const file = join(folder, 'security.md')
  await writeFile(file, explanations)
  const { port } = registry.address() as AddressInfo
  const env = {
    ...process.env,
    npm_config_registry: `http://127.0.0.1:${port}/`,
    npm_config_fetch_retries: '0',
    // npm remembers what it was told of an advisory
    npm_config_cache: folder,
  }
  return new Promise((resolve) => {
    execFile('node', ['scripts/audit.mjs', file], { env }, (error, stdout) =>
      resolve({ code: error?.code ?? 0, said: stdout }),
    )
  })
}

describe('npm run audit', () => {
  it('passes where nothing is known', async () => {
    answer = { status: 200, advisories: {} }

    expect(await audit()).toMatchObject({ code: 0, said: expect.stringContaining('0 findings') })
  }, 90_000)

  it('fails on a finding that is not explained, and passes on one that is', async () => {
    answer = { status: 200, advisories: { fastify: [advisory] } }

    const unexplained = await audit()
    const explained = await audit(`${advisory.url}: does not concern us, because …`)

    expect(unexplained).toMatchObject({ code: 1, said: expect.stringContaining('fastify: Something bad') })
    expect(explained).toMatchObject({ code: 0, said: expect.stringContaining('1 findings, 0 without') })
  }, 90_000)

  it('says that nothing was checked where the registry has no such list', async () => {
    answer = { status: 405, advisories: {} }

    expect(await audit()).toMatchObject({ code: 0, said: expect.stringContaining('nothing was checked') })
  }, 90_000)
})
