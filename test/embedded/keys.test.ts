import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig, readEnvironment } from '../../src/config.js'
import { ensureKeys } from '../../src/embedded/keys.js'

let dataDir: string

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'parley-keys-'))
})

afterEach(async () => {
  await rm(dataDir, { recursive: true })
})

describe('the keys of an embedded set-up', () => {
  it('are made at the first start and are the same at every later one', async () => {
    const first = await ensureKeys(dataDir)
    const second = await ensureKeys(dataDir)

    expect(first.platformApiKey.length).toBeGreaterThanOrEqual(32)
    expect(first.encryptionKeys.map(({ key }) => key.length)).toEqual([32])
    expect(second).toEqual(first)
  })

  it('are others in every set-up', async () => {
    const here = await ensureKeys(dataDir)
    const there = await ensureKeys(join(dataDir, 'other'))

    expect(there.platformApiKey).not.toBe(here.platformApiKey)
    expect(there.encryptionKeys).not.toEqual(here.encryptionKeys)
  })

  it('can be read by their owner only', async () => {
    const { file } = await ensureKeys(dataDir)

    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('of two starts at the same moment are the same', async () => {
    const [one, other] = await Promise.all([ensureKeys(dataDir), ensureKeys(dataDir)])

    expect(one).toEqual(other)
  })

  it('are never replaced where the file is damaged', async () => {
    const file = join(dataDir, 'keys.env')
    await writeFile(file, 'PLATFORM_API_KEY=short\n')

    const start = ensureKeys(dataDir)

    await expect(start).rejects.toThrow(/keys\.env does not hold a usable PLATFORM_API_KEY/)
    expect(await readFile(file, 'utf8')).toBe('PLATFORM_API_KEY=short\n')
  })

  it('can be copied to the settings of a database of our own', async () => {
    const { file, platformApiKey, encryptionKeys } = await ensureKeys(dataDir)
    await writeFile(join(dataDir, '.env'), `DATABASE_URL=postgres://db/x\n${await readFile(file, 'utf8')}`)

    const config = loadConfig(readEnvironment(dataDir, {}))

    expect(config.secrets).toEqual({ platformApiKey, encryptionKeys })
  })
})
