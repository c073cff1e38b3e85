import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acquireInstanceLock, InstanceLockError } from '../../src/embedded/instance-lock.js'
import { compileEmbedded, runScript } from '../support/child-process.js'

let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-lock-'))
})

afterEach(async () => {
  await rm(dataDir, { recursive: true })
})

describe('a data directory', () => {
  it('that is in use refuses a second start and names the first', async () => {
    const first = await acquireInstanceLock(dataDir)

    const second = acquireInstanceLock(dataDir)

    await expect(second).rejects.toThrow(InstanceLockError)
    await expect(second).rejects.toThrow(`Parley already runs in ${dataDir} (pid ${process.pid}).`)
    await first.release()
  })

  it('is the same one under another name', async () => {
    const first = await acquireInstanceLock(dataDir)
    const alias = `${dataDir}-alias`
    await symlink(dataDir, alias)

    const second = acquireInstanceLock(alias)

    await expect(second).rejects.toThrow(InstanceLockError)
    await rm(alias)
    await first.release()
  })

  it('that was released can be used again', async () => {
    const first = await acquireInstanceLock(dataDir)
    await first.release()

    const second = await acquireInstanceLock(dataDir)

    expect(second).toBeDefined()
    await second.release()
  })

  it('beside one in use can be used', async () => {
    const first = await acquireInstanceLock(dataDir)

    const other = await acquireInstanceLock(join(dataDir, 'other'))

    expect(other).toBeDefined()
    await Promise.all([first.release(), other.release()])
  })

  it('of a process that was killed can be used at once', async () => {
    const compiled = await compileEmbedded()
    const holder = await runScript(`
      const { acquireInstanceLock } = await import(${compiled.module('embedded/instance-lock')})
      await acquireInstanceLock(${JSON.stringify(dataDir)})
      setInterval(() => {}, 1000)
      console.log('held')
    `)
    await expect(acquireInstanceLock(dataDir)).rejects.toThrow(`(pid ${holder.pid})`)

    await holder.kill('SIGKILL')
    const lock = await acquireInstanceLock(dataDir)

    expect(lock).toBeDefined()
    await lock.release()
    await compiled.remove()
  })
})
