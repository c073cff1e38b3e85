/** The part of Telesign's list that the simulator speaks. https://developer.telesign.com/enterprise/docs/all-status-and-error-codes */
const descriptions: Record<number, string> = {
  200: 'Delivered to handset',
  203: 'Delivered to gateway',
  207: 'Error delivering SMS to handset (reason unknown)',
  210: 'Temporary phone error',
  211: 'Permanent phone error',
  220: 'Gateway/network cannot route message',
  221: 'Message expired before delivery',
  222: 'SMS not supported',
  230: 'Message blocked by Telesign',
  250: 'Final status unknown',
  290: 'Message in progress',
  510: 'Message blocked by subscriber',
  599: 'Status not available',
  1500: 'Delivered to customer',
  10000: 'Internal error',
  10002: 'Invalid Authorization header',
  10008: 'Invalid signature',
  10009: 'The nonce has been used before',
  10010: 'Account suspended',
  10015: 'Unknown customer ID',
  10017: 'Resource not found',
  10019: 'Rate limit exceeded',
  10022: 'Invalid API key',
  11000: 'Invalid phone number',
  11009: 'Invalid message',
  11010: 'Invalid message type',
  11011: 'Invalid reference ID',
  11013: 'Invalid sender ID',
}

const httpStatuses: Record<number, number> = { 10000: 500, 10017: 404, 10019: 429, 10020: 429, 10036: 404 }

export function telesignDescription(code: number): string {
  return descriptions[code] ?? `Status ${code}`
}

/** The HTTP status with which Telesign gives an error code. */
export function telesignHttpStatus(code: number): number {
  return httpStatuses[code] ?? (code >= 10002 && code <= 10035 ? 401 : 400)
}
