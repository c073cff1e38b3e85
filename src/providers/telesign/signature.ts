import { createHmac, timingSafeEqual } from 'node:crypto'
import type { CallbackRequest } from '../provider.js'

const longForm = /^TSA ([^:]*):(.*)$/

/**
 * https://developer.telesign.com/enterprise/docs/authenticate-callbacks: HMAC-SHA256 of the raw body with the decoded
 * API key. It stands in `Authorization` after the Customer ID and alone in `X-TS-Authorization`; the long form is
 * taken there, too. One right signature is enough.
 */
export function verifyTelesign(request: CallbackRequest, apiKey: string): boolean {
  const key = Buffer.from(apiKey, 'base64')
  const given = signaturesOf(request)
  if (key.length === 0 || given.length === 0) return false
  const expected = createHmac('sha256', key).update(request.body).digest()
  return given.map((signature) => isSame(signature, expected)).includes(true)
}

/** Compares the text's bytes, not what a lenient decoder makes of them. */
function isSame(signature: string, expected: Buffer): boolean {
  const left = Buffer.from(signature)
  const right = Buffer.from(expected.toString('base64'))
  return left.length === right.length && timingSafeEqual(left, right)
}

export function signaturesOf(request: CallbackRequest): string[] {
  const { authorization, 'x-ts-authorization': alone } = request.headers
  const fromAuthorization = longForm.exec(authorization?.trim() ?? '')?.[2]
  const fromAlone = longForm.exec(alone?.trim() ?? '')?.[2] ?? alone
  return [fromAuthorization, fromAlone].flatMap((signature) => signature?.trim() || [])
}

/** The Customer ID that the headers name; null where they name none. The body never does. */
export function namedCustomer(request: CallbackRequest): string | null {
  const { authorization, 'x-ts-authorization': alone } = request.headers
  const named = longForm.exec(authorization?.trim() ?? '') ?? longForm.exec(alone?.trim() ?? '')
  return named?.[1] ?? null
}
