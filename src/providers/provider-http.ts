import { lookup } from 'node:dns'
import http from 'node:http'
import https from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'

interface HttpCall {
  url: URL
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: string
  /** From the start to the last byte. */
  timeoutMs: number
  maxBytes: number
  /** Refuses to connect to private, loopback and link-local addresses, also where a name resolves to one. */
  publicOnly: boolean
}

export interface HttpAnswer {
  status: number
  headers: http.IncomingHttpHeaders
  body: Buffer
}

export class AnswerTooLarge extends Error {
  constructor(readonly maxBytes: number) {
    super(`The answer has more than ${maxBytes} bytes.`)
    this.name = 'AnswerTooLarge'
  }
}

export class AddressNotPublic extends Error {
  constructor(readonly host: string) {
    super(`${host} is not a public address.`)
    this.name = 'AddressNotPublic'
  }
}

/**
 * Idle connections are dropped after four seconds, before servers drop them (five is the common least): a request on a
 * connection that the other side is closing ends in a reset, and nobody can tell whether it was taken.
 */
const reuse = { keepAlive: true, maxFreeSockets: 64, timeout: 4000 }
const plainAgent = new http.Agent(reuse)
const tlsAgent = new https.Agent(reuse)
/** Connections of their own: one that was made without the check must not be taken over by a call that needs it. */
const publicAgents = { plain: new http.Agent(reuse), tls: new https.Agent(reuse) }

function agentFor(secure: boolean, publicOnly: boolean): http.Agent {
  if (publicOnly) return secure ? publicAgents.tls : publicAgents.plain
  return secure ? tlsAgent : plainAgent
}

/**
 * One request over a kept-alive connection: no redirects, no retries, no decompression. Every status is an answer.
 *
 * @throws AnswerTooLarge, AddressNotPublic, or Node's own network error (code `ETIMEDOUT` without syscall for the time-out)
 */
export function callHttp(call: HttpCall): Promise<HttpAnswer> {
  const secure = call.url.protocol === 'https:'
  const host = call.url.hostname.replace(/^\[|\]$/g, '')
  // A literal address is never looked up, so the hook below would not see it.
  if (call.publicOnly && isIP(host) !== 0 && isPrivate(host))
    return Promise.reject(new AddressNotPublic(host))
  return new Promise((fulfil, reject) => {
    const request = (secure ? https : http).request(call.url, {
      method: call.method,
      headers: call.headers,
      agent: agentFor(secure, call.publicOnly),
      ...(call.publicOnly ? { lookup: publicLookup() } : {}),
    })
    const timer = setTimeout(() => {
      request.destroy(Object.assign(new Error('No answer in time.'), { code: 'ETIMEDOUT' }))
    }, call.timeoutMs)
    const settle = (act: () => void) => {
      clearTimeout(timer)
      act()
    }
    request.on('error', (error) => settle(() => reject(error)))
    request.on('response', (response) => {
      readBody(response, call.maxBytes).then(
        (body) => settle(() => fulfil({ status: response.statusCode ?? 0, headers: response.headers, body })),
        (error: unknown) => settle(() => reject(error)),
      )
    })
    request.end(call.body)
  })
}

async function readBody(response: http.IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) {
    response.destroy()
    throw new AnswerTooLarge(maxBytes)
  }
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length
    // Leaving the loop destroys the response.
    if (bytes > maxBytes) throw new AnswerTooLarge(maxBytes)
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-: what is not on the public internet. */
const privateRanges = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
] as const) {
  privateRanges.addSubnet(network, prefix, 'ipv4')
}
for (const [network, prefix] of [
  ['::', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const) {
  privateRanges.addSubnet(network, prefix, 'ipv6')
}

/** IPv4 inside IPv6 (`::ffff:10.0.0.1`) is judged as the IPv4 address. */
export function isPrivate(address: string): boolean {
  return privateRanges.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

/**
 * Looks a name up once and checks every address that it has. The connection is made to what this answers and to nothing
 * that the name may mean a moment later.
 */
export function publicLookup(resolve: typeof lookup = lookup): LookupFunction {
  return (host, options, callback) => {
    resolve(host, { ...options, all: true }, (error, addresses) => {
      const first = addresses?.[0]
      if (error || first === undefined) return callback(error ?? new Error(`${host} has no address`), [])
      if (addresses.some(({ address }) => isPrivate(address))) return callback(new AddressNotPublic(host), [])
      return options.all === true ? callback(null, addresses) : callback(null, first.address, first.family)
    })
  }
}
