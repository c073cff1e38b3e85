import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

export interface EncryptionKey {
  id: string
  /** 32 bytes */
  key: Buffer
}

const algorithm = 'aes-256-gcm'
const authTagLength = 16

/**
 * Encrypts providers' secrets at rest. A sealed value is `keyId.iv.tag.ciphertext`: the key's id stays with it, so that
 * keys can be rotated, and the id of the row it belongs to is its associated data, so that a value copied to another row
 * does not open.
 */
export class SecretBox {
  private readonly keys: ReadonlyMap<string, Buffer>
  private readonly newest: EncryptionKey

  /** @param keys newest first; the first one seals, all of them open */
  constructor(keys: readonly EncryptionKey[]) {
    const [newest] = keys
    if (!newest) throw new Error('At least one encryption key is needed')
    this.newest = newest
    this.keys = new Map(keys.map(({ id, key }) => [id, key]))
  }

  seal(secret: string, rowId: string): string {
    const iv = randomBytes(12)
    const cipher = createCipheriv(algorithm, this.newest.key, iv).setAAD(Buffer.from(rowId))
    const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
    return [
      this.newest.id,
      ...[iv, cipher.getAuthTag(), sealed].map((part) => part.toString('base64url')),
    ].join('.')
  }

  /** Throws where no known key opens it; the message names the key and nothing of the value. */
  open(sealed: string, rowId: string): string {
    const [keyId = '', iv = '', tag = '', ciphertext = ''] = sealed.split('.')
    const key = this.keys.get(keyId)
    if (!key)
      throw new Error(`ENCRYPTION_KEYS lacks the key "${keyId}", which a stored secret was sealed with`)
    try {
      // Without the length a tag that was cut short would count
      const decipher = createDecipheriv(algorithm, key, Buffer.from(iv, 'base64url'), { authTagLength })
      decipher.setAAD(Buffer.from(rowId)).setAuthTag(Buffer.from(tag, 'base64url'))
      const opened = [decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]
      return Buffer.concat(opened).toString('utf8')
    } catch {
      throw new Error(
        `A stored secret does not open with the key "${keyId}" of ENCRYPTION_KEYS: that is another key than the one ` +
          'which sealed it, or the value is damaged or of another row',
      )
    }
  }

  /** The same secret under the newest key: the value itself where that one has sealed it. Throws as `open` does. */
  renew(sealed: string, rowId: string): string {
    const secret = this.open(sealed, rowId)
    return sealed.startsWith(`${this.newest.id}.`) ? sealed : this.seal(secret, rowId)
  }
}
