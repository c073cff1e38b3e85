import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'
import { type Clock, hours } from '../lib/clock.js'
import type { EncryptionKey } from '../lib/secret-box.js'

const lifetime = hours(4)

/** Signed, expiring addresses from which a provider fetches the files that an agent sends. */
export class MediaLinks {
  private readonly keys: Buffer[]

  constructor(
    private readonly publicUrl: string,
    encryptionKeys: readonly EncryptionKey[],
    private readonly clock: Clock,
  ) {
    this.keys = encryptionKeys.map(({ key }) =>
      Buffer.from(hkdfSync('sha256', key, '', 'parley media links', 32)),
    )
  }

  sign(orgId: string, mediaId: string): string {
    const expires = this.clock.now().getTime() + lifetime
    const [newest = Buffer.alloc(0)] = this.keys
    return `${this.publicUrl}/media/${orgId}/${mediaId}?expires=${expires}&signature=${signature(newest, orgId, mediaId, expires)}`
  }

  /** Whether the address was made here, with a key that is still known, and has not expired. */
  isValid({
    orgId,
    mediaId,
    expires,
    signature: given,
  }: {
    orgId: string
    mediaId: string
    expires: number
    signature: string
  }): boolean {
    if (!(expires > this.clock.now().getTime())) return false
    return this.keys.some((key) => {
      const expected = Buffer.from(signature(key, orgId, mediaId, expires))
      const actual = Buffer.from(given)
      return expected.length === actual.length && timingSafeEqual(expected, actual)
    })
  }
}

const signature = (key: Buffer, orgId: string, mediaId: string, expires: number): string =>
  createHmac('sha256', key).update(`${orgId} ${mediaId} ${expires}`).digest('base64url')
