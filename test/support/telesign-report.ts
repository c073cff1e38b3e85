import { createHmac } from 'node:crypto'
import type { TestNumber } from './organization.js'

/** A callback of Telesign with this content, signed. https://developer.telesign.com/enterprise/docs/authenticate-callbacks */
export async function telesignReports(
  { callbackUrl, credentials: { customerId = '', apiKey = '' } }: TestNumber,
  report: object,
): Promise<number> {
  const body = JSON.stringify(report)
  const signature = createHmac('sha256', Buffer.from(apiKey, 'base64')).update(body, 'utf8').digest('base64')
  const answer = await fetch(callbackUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `TSA ${customerId}:${signature}`,
      'x-ts-authorization': signature,
    },
    body,
  })
  return answer.status
}
