import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { type EncryptionKey, encryptionKeysSchema } from '../config.js'

export type GeneratedKeys = {
  platformApiKey: string
  /** Newest first. */
  encryptionKeys: EncryptionKey[]
  /** Where they are kept, for whoever moves to a database of their own. */
  file: string
}

/**
 * The keys of an embedded set-up: made at the first start, the same ever after. Without the encryption
 * keys the providers' secrets in the database are lost, so a file that cannot be understood is never
 * replaced; that throws.
 */
export async function ensureKeys(dataDir: string): Promise<GeneratedKeys> {
  await mkdir(dataDir, { recursive: true, mode: 0o711 })
  const file = join(dataDir, 'keys.env')
  const text = (await readIfThere(file)) ?? (await createKeys(file))
  const { PLATFORM_API_KEY: platformApiKey = '', ENCRYPTION_KEYS = '' } = parseEnv(text)
  const encryptionKeys = encryptionKeysSchema.safeParse(ENCRYPTION_KEYS)
  if (platformApiKey.length < 32 || !encryptionKeys.success) {
    throw new Error(
      `${file} does not hold a usable PLATFORM_API_KEY and ENCRYPTION_KEYS. Restore it from a backup: without ` +
        'these keys the stored provider credentials cannot be read. (With no data to keep, remove all of DATA_DIR.)',
    )
  }
  return { platformApiKey, encryptionKeys: encryptionKeys.data, file }
}

async function createKeys(file: string): Promise<string> {
  const text = [
    '# Made at the first start. Keep a copy: the encryption keys open the provider credentials in the database.',
    `PLATFORM_API_KEY=platform_${randomBytes(32).toString('base64url')}`,
    `ENCRYPTION_KEYS=k1:${randomBytes(32).toString('base64')}`,
    '',
  ].join('\n')
  const draft = `${file}.${randomBytes(4).toString('hex')}.new`
  const handle = await open(draft, 'w', 0o600)
  await handle.writeFile(text)
  await handle.sync()
  await handle.close()
  try {
    // A link, unlike a rename, never replaces keys that another process made meanwhile.
    await link(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(draft, { force: true })
  }
  return await readFile(file, 'utf8')
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
