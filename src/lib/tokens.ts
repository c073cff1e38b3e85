import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** An unguessable value of 32 random bytes, safe in a URL. */
export const newToken = (): string => randomBytes(32).toString('base64url')

export const sha256 = (value: string | Uint8Array): string => createHash('sha256').update(value).digest('hex')

/** Whether two secrets are equal, in a time that tells nothing about where they differ. */
export function equalSecrets(left: string, right: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest()
  return timingSafeEqual(digest(left), digest(right))
}
