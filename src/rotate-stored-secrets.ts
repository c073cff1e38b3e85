import { rotateKeys } from './channels/key-rotation.js'
import { Database } from './db/database.js'
import { type EncryptionKey, SecretBox } from './lib/secret-box.js'

interface Parts {
  databaseUrl: string
  /** Newest first */
  encryptionKeys: readonly EncryptionKey[]
  say(line: string): void
}

const mostNamed = 20

/** The command `rotate-keys`. Tells what it does, and answers whether every stored secret now has the newest key. */
export async function rotateStoredSecrets({ databaseUrl, encryptionKeys, say }: Parts): Promise<boolean> {
  const db = new Database({ url: databaseUrl, poolSize: 2, onPoolError: () => undefined })
  try {
    const [newest, ...older] = encryptionKeys.map(({ id }) => id)
    say(`Every stored secret is sealed with the key "${newest}".`)
    const { accounts, renewed, closed, valuesByKey } = await rotateKeys(
      db,
      new SecretBox(encryptionKeys),
      (looked, done) => say(`  ${looked} channel accounts looked at, ${done} sealed anew`),
    )
    for (const { orgId, accountId, reason } of closed.slice(0, mostNamed))
      say(`Not opened: channel account ${accountId} of organization ${orgId}. ${reason}.`)
    if (closed.length > mostNamed) say(`… and ${closed.length - mostNamed} more.`)
    if (closed.length > 0) {
      say(
        `${closed.length} of ${accounts} channel accounts hold a secret that cannot be opened. Add the key that is missing to ` +
          'ENCRYPTION_KEYS and run this again, or give these accounts their credentials anew (PATCH /v1/channel-accounts/{id}).',
      )
    } else say(`Done: ${accounts} channel accounts, ${renewed} sealed anew.`)
    for (const key of older) say(fateOf(key, valuesByKey.get(key) ?? 0))
    return closed.length === 0
  } finally {
    await db.close()
  }
}

const fateOf = (key: string, values: number): string =>
  values === 0
    ? `The key "${key}" has sealed nothing that is stored. Remove it four hours after the last process began to use the newest one (links to files live as long).`
    : `The key "${key}" is still needed: it has sealed ${values} stored ${values === 1 ? 'value' : 'values'}.`
