import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { locatePostgresBinaries } from '../../src/embedded/postgres-binaries.js'
import { clusterOwner, prepareCluster } from '../../src/embedded/postgres-cluster.js'
import { chooseLauncher } from '../../src/embedded/postgres-launcher.js'
import { startPostgresProcess } from '../../src/embedded/postgres-process.js'
import {
  type EmbeddedPostgres,
  findRunningPostgres,
  startEmbeddedPostgres,
} from '../../src/embedded/postgres-server.js'
import {
  type CompiledSources,
  compileEmbedded,
  type RunningScript,
  runScript,
} from '../support/child-process.js'

let compiled: CompiledSources
let dataDir: string
let started: EmbeddedPostgres[]
let children: ChildProcess[]

beforeAll(async () => {
  compiled = await compileEmbedded()
})

afterAll(async () => {
  await compiled.remove()
})

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-embedded-'))
  started = []
  children = []
})

afterEach(async () => {
  await Promise.all(started.map((server) => server.stop()))
  for (const child of children) child.kill('SIGKILL')
  await rm(dataDir, { recursive: true })
})

async function start(): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir })
  started.push(server)
  return server
}

/** A service of its own process on the directory; its first line is the address of its database. */
async function startElsewhere(): Promise<RunningScript> {
  return await runScript(`
    const { startEmbeddedPostgres } = await import(${compiled.module('embedded/postgres-server')})
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} })
    process.on('SIGINT', () => {})
    process.on('SIGTERM', () => server.stop().then(() => process.exit(0)))
    console.log(server.url)
  `)
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

async function serverPid(): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'pg18', 'postmaster.pid'), 'utf8'), 10)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function untilGone(pid: number): Promise<void> {
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 30_000 })
}

describe('the embedded database', () => {
  it('is made at the first start, in UTF-8, behind a password, with its files for the owner only', async () => {
    const { url } = await start()

    const [settings] = await query(
      url,
      `SELECT current_setting('server_encoding') AS encoding, current_setting('listen_addresses') AS address,
              current_setting('unix_socket_directories') AS sockets, lower('Ä') AS lower`,
    )
    const withoutPassword = new URL(url)
    withoutPassword.password = 'wrong'

    expect(settings).toEqual({ encoding: 'UTF8', address: '127.0.0.1', sockets: '', lower: 'ä' })
    await expect(query(withoutPassword.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/)
    for (const file of ['pg18/parley-password', 'database-url']) {
      expect((await stat(join(dataDir, file))).mode & 0o777).toBe(0o600)
    }
  })

  it('keeps what was stored over a stop and a start', async () => {
    const first = await start()
    await query(first.url, 'CREATE TABLE kept AS SELECT 1 AS a')
    await first.stop()

    const second = await start()

    expect(await query(second.url, 'SELECT a FROM kept')).toEqual([{ a: 1 }])
  })

  it('is found by a command beside the service, as long as this runs', async () => {
    const before = await findRunningPostgres(dataDir)
    const service = await startElsewhere()
    const pid = await serverPid()

    const during = await findRunningPostgres(dataDir)
    await service.kill('SIGKILL')
    await untilGone(pid)

    expect([before, during, await findRunningPostgres(dataDir)]).toEqual([null, service.firstLine, null])
  })

  it('is not reached by signals to the group of the service', async () => {
    const service = await startElsewhere()

    service.signalGroup('SIGINT')
    const answer = await query(service.firstLine, `SELECT 1 AS a FROM pg_sleep(0.3)`)

    expect(answer).toEqual([{ a: 1 }])
    await service.kill('SIGTERM')
  })

  it('has ended when the service has stopped it', async () => {
    const service = await startElsewhere()
    const pid = await serverPid()

    await service.kill('SIGTERM')

    expect(isAlive(pid)).toBe(false)
  })

  it('ends by itself when the service is killed', async () => {
    const service = await startElsewhere()
    const pid = await serverPid()

    await service.kill('SIGKILL')

    await untilGone(pid)
  })

  it('can be started again in the moment in which the service was killed', async () => {
    const service = await startElsewhere()
    await query(service.firstLine, 'CREATE TABLE kept AS SELECT 1 AS a')

    await service.kill('SIGKILL')
    const { url } = await start()

    expect(await query(url, 'SELECT a FROM kept')).toEqual([{ a: 1 }])
  })

  it('recovers after the service and the database were killed together', async () => {
    const service = await startElsewhere()
    const pid = await serverPid()
    await query(service.firstLine, 'CREATE TABLE kept AS SELECT 1 AS a')

    process.kill(pid, 'SIGKILL')
    await service.kill('SIGKILL')
    const { url } = await start()

    expect(await query(url, 'SELECT a FROM kept')).toEqual([{ a: 1 }])
  })

  it('takes the directory from a server that a killed service had still started', async () => {
    const binaries = await locatePostgresBinaries()
    const directory = await realpath(dataDir)
    const launcher = await chooseLauncher(binaries.postgres, directory)
    const cluster = await prepareCluster(directory, binaries, launcher)
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      log_error_verbosity: 'terse',
    }
    const plan = { binaries, launcher, cluster, settings, logFile: join(directory, 'postgres.log') }
    const [program = '', ...prefix] = [...launcher.prefix, binaries.postgres]
    const options = ['-c', 'listen_addresses=', '-c', `unix_socket_directories=${cluster.directory}`]
    children.push(spawn(program, [...prefix, '-D', cluster.directory, ...options], { ...launcher.user }))
    await vi.waitFor(serverPid, { timeout: 30_000 })

    const server = await startPostgresProcess(plan, () => undefined)

    const url = `postgresql://${clusterOwner}:${cluster.password}@127.0.0.1:${server.port}/postgres`
    expect(await query(url, 'SELECT 1 AS a').finally(server.stop)).toEqual([{ a: 1 }])
  })

  it('that dies alone is started again at the same address', async () => {
    const { url } = await start()
    await query(url, 'CREATE TABLE kept AS SELECT 1 AS a')

    process.kill(await serverPid(), 'SIGKILL')

    await vi.waitFor(async () => expect(await query(url, 'SELECT a FROM kept')).toEqual([{ a: 1 }]), {
      timeout: 30_000,
      interval: 100,
    })
  })

  it('starts although its lock file names a process that is another program by now', async () => {
    const service = await startElsewhere()
    const pid = await serverPid()
    const lockFile = join(dataDir, 'pg18', 'postmaster.pid')
    const lines = (await readFile(lockFile, 'utf8')).split('\n')
    await service.kill('SIGKILL')
    await untilGone(pid)
    const stranger = spawn('sleep', ['60'])
    children.push(stranger)
    await writeFile(lockFile, [stranger.pid, ...lines.slice(1)].join('\n'))

    const { url } = await start()

    expect(await query(url, 'SELECT 1 AS a')).toEqual([{ a: 1 }])
    expect(stranger.exitCode).toBeNull()
  })

  it('is made anew where the first set-up was interrupted', async () => {
    await mkdir(join(dataDir, 'pg18.new'))
    await writeFile(join(dataDir, 'pg18.new', 'PG_VERSION'), '18\n')

    const { url } = await start()

    expect(await query(url, 'SELECT 1 AS a')).toEqual([{ a: 1 }])
  })

  it('of an older PostgreSQL is refused with the steps of the upgrade', async () => {
    await mkdir(join(dataDir, 'pg17'))
    await writeFile(join(dataDir, 'pg17', 'PG_VERSION'), '17\n')

    const result = startEmbeddedPostgres({ dataDir })

    await expect(result).rejects.toThrow(/pg17 was made by PostgreSQL 17[\s\S]*pg_dump[\s\S]*pg_restore/)
  })

  it('writes no statement and no value to its log', async () => {
    const { url } = await start()
    await query(url, 'CREATE TABLE phones (number text PRIMARY KEY)')
    await query(url, `INSERT INTO phones VALUES ('+12065550100')`)

    await expect(query(url, `INSERT INTO phones VALUES ('+12065550100')`)).rejects.toThrow(/duplicate key/)

    expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).not.toMatch(/2065550100|INSERT/)
  })
})
