import type { CredentialCheck, NumberCheck } from '../provider.js'
import { ProviderError } from '../provider-error.js'
import { type TelesignCall, type TelesignCredentials, telesignCredentials } from './client.js'
import { translateAnswer } from './errors.js'

/** No message has this id, and asking for its status costs nothing. */
const noMessage = '0'.repeat(32)

/** "No such message" is what right credentials get. */
const validCodes: ReadonlySet<string | null> = new Set(['10017', '10036', '11011'])

const wrongCode = /^(1000[2-9]|10015|10022|-300\d\d)$/

/**
 * Telesign has no call for this; the status of a message that does not exist tells.
 * https://developer.telesign.com/enterprise/docs/all-status-and-error-codes
 *
 * @throws ProviderError `unreachable` or `throttled`: nothing was learnt
 */
export async function checkTelesignCredentials(
  call: TelesignCall,
  credentials: TelesignCredentials,
): Promise<CredentialCheck> {
  const form = telesignCredentials.safeParse(credentials)
  if (!form.success) return wrong(form.error.issues.map((issue) => issue.message).join(' '), null)
  const answer = await call(credentials, 'GET', `/v1/messaging/${noMessage}`)
  const error = translateAnswer(answer)
  const isTaken = answer.httpStatus !== null && answer.httpStatus < 300 && error.kind === 'outcome_unknown'
  if (validCodes.has(error.providerCode) || (isTaken && answer.body !== null)) {
    const detail = 'Telesign accepts the Customer ID and the API key.'
    return { ok: true, code: 'valid', detail, providerCode: null }
  }
  return judgeRefusal(error)
}

const wrong = (detail: string, providerCode: string | null): CredentialCheck => ({
  ok: false,
  code: 'wrong_credentials',
  detail,
  providerCode,
})

function judgeRefusal(error: ProviderError): CredentialCheck {
  const { kind, providerCode } = error
  if (kind === 'throttled') throw error
  if (
    kind === 'unreachable' ||
    kind === 'outcome_unknown' ||
    (kind === 'rejected' && providerCode === null)
  ) {
    const sentence = 'Telesign could not be reached or did not answer properly. Try again.'
    throw new ProviderError('unreachable', sentence, providerCode)
  }
  if (kind === 'misconfigured' && (providerCode === null || wrongCode.test(providerCode))) {
    return wrong(error.message, providerCode)
  }
  const detail = `The credentials are right, but: ${error.message}`
  return { ok: false, code: 'not_usable', detail, providerCode }
}

/** Not a failed check: Telesign has no way to ask. */
export function checkTelesignNumber({ address }: { address: string }): NumberCheck {
  return {
    ok: true,
    code: 'not_checked',
    detail: `Telesign has no way to ask whether ${address} belongs to the account. The first message in either direction will tell.`,
  }
}
