/** Codes that only come up before a connection stands, so that certainly nothing was handed over. */
const beforeConnection = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
])

const connecting = new Set(['connect', 'getaddrinfo'])

/**
 * Whether a failed request certainly never reached the other side. A time-out or reset on a standing connection is
 * not that. Looks through the wrappings of axios (`cause`) and of Node's address race (`errors`).
 */
export function neverConnected(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false
  const { code, syscall, cause, errors } = error as Record<string, unknown>
  if (typeof code === 'string' && beforeConnection.has(code)) return true
  if (typeof syscall === 'string' && connecting.has(syscall)) return true
  if (Array.isArray(errors) && errors.length > 0) return errors.every(neverConnected)
  return cause !== undefined && neverConnected(cause)
}
