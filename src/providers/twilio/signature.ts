import twilio from 'twilio'
import type { CallbackRequest } from '../provider.js'
import { formOf } from './form.js'

/**
 * https://www.twilio.com/docs/usage/security#validating-requests
 *
 * The SDK compares in constant time and tries the URL with and without the standard port. It throws for a relative
 * URL and would happily compute a signature with an empty key.
 */
export function verifyTwilio(request: CallbackRequest, authToken: string): boolean {
  const signature = request.headers['x-twilio-signature']
  if (signature === undefined || signature === '' || authToken === '') return false
  try {
    // Only JSON bodies come with a hash in the URL; the signature then covers the URL alone.
    return request.url.includes('bodySHA256=')
      ? twilio.validateRequestWithBody(authToken, signature, request.url, request.body)
      : twilio.validateRequest(authToken, signature, request.url, formOf(request))
  } catch {
    return false
  }
}
