import { createHash } from 'node:crypto'

const plainKey = /^[\x20-\x7e]{1,200}$/

/** A key or lane made from what a callback says: bounded and printable, since nobody has checked the signature yet. */
export function boundedKey(text: string): string {
  return plainKey.test(text) ? text : bodyHash(text)
}

export function bodyHash(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Our message id as a provider hands it back. Traffic of other systems on the same account has ids of its own. */
export function ownMessageId(value: string | null | undefined): string | null {
  return value != null && uuid.test(value) ? value : null
}
