import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { formOf } from './forms.js'
import type { Account, SimulatorState } from './state.js'

const nonceLimit = 10_000

/** Either the account that the call belongs to, or Telesign's code for what is wrong with its credentials. */
export type TelesignAuthentication = { account: Account } | { code: number; stringToSign?: string }

/** Checks Basic and digest credentials. https://developer.telesign.com/enterprise/docs/authentication */
export class TelesignAuthenticator {
  private readonly usedNonces = new Set<string>()

  constructor(private readonly state: SimulatorState) {}

  check(request: FastifyRequest): TelesignAuthentication {
    const { authorization = '' } = request.headers
    const [scheme, credentials = ''] = authorization.split(' ')
    const found =
      scheme === 'Basic'
        ? this.checkBasic(authorization, credentials)
        : scheme === 'TSA'
          ? this.checkDigest(request, credentials)
          : { code: 10002 }
    if ('account' in found && found.account.options.status !== 'active') return { code: 10010 }
    return found
  }

  private checkBasic(authorization: string, credentials: string): TelesignAuthentication {
    const [customerId = ''] = Buffer.from(credentials, 'base64').toString().split(':')
    const account = this.state.account('telesign', customerId)
    if (!account) return { code: 10015 }
    return account.basicAuthorization === authorization ? { account } : { code: 10022 }
  }

  private checkDigest(request: FastifyRequest, credentials: string): TelesignAuthentication {
    const colon = credentials.lastIndexOf(':')
    const account = this.state.account('telesign', credentials.slice(0, colon))
    if (!account) return { code: 10015 }
    const stringToSign = canonicalString(request)
    const expected = createHmac('sha256', Buffer.from(account.secret, 'base64')).update(stringToSign).digest()
    const given = Buffer.from(credentials.slice(colon + 1), 'base64')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      return { code: 10008, stringToSign }
    }
    return this.isFirstUse(header(request, 'x-ts-nonce')) ? { account } : { code: 10009 }
  }

  private isFirstUse(nonce: string): boolean {
    if (this.usedNonces.has(nonce)) return false
    this.usedNonces.add(nonce)
    if (this.usedNonces.size > nonceLimit) {
      this.usedNonces.delete(this.usedNonces.values().next().value ?? '')
    }
    return true
  }
}

function canonicalString(request: FastifyRequest): string {
  const { raw } = formOf(request.body)
  const tsDate = header(request, 'x-ts-date')
  return [
    request.method,
    request.method === 'GET' ? '' : header(request, 'content-type'),
    tsDate ? '' : header(request, 'date'),
    `x-ts-auth-method:${header(request, 'x-ts-auth-method')}`,
    ...(tsDate ? [`x-ts-date:${tsDate}`] : []),
    `x-ts-nonce:${header(request, 'x-ts-nonce')}`,
    ...(raw ? [raw] : []),
    (request.url.split('?')[0] ?? '').replace(/^\/telesign/, ''),
  ].join('\n')
}

function header(request: FastifyRequest, name: string): string {
  const value = request.headers[name]
  return typeof value === 'string' ? value : ''
}
