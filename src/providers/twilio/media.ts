import type { IncomingHttpHeaders } from 'node:http'
import type { FetchedMedia } from '../provider.js'
import { ProviderError } from '../provider-error.js'
import { AddressNotPublic, AnswerTooLarge, callHttp, type HttpAnswer } from '../provider-http.js'
import type { TwilioCredentials } from './client.js'

const timeoutMs = 30_000
const mostRedirects = 5
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

interface MediaRequest {
  url: string
  credentials: TwilioCredentials
  maxBytes: number
  /** The origin that plays Twilio, where TWILIO_API_URL names one. */
  apiOrigin: string | null
}

const listEnd = '/Media.json'

/** A file of a message that was found in Twilio's list, where files have no addresses: its place in the list of files. */
export const listedMediaUrl = (
  apiUrl: string,
  message: { accountSid: string; sid: string },
  index: number,
): string => `${apiUrl}/2010-04-01/Accounts/${message.accountSid}/Messages/${message.sid}${listEnd}#${index}`

/**
 * https://www.twilio.com/docs/messaging/api/media-resource. Twilio redirects to a signed address elsewhere, so
 * redirects are followed by hand: the credentials go to Twilio's API only, and no address may lead into our own network.
 */
export async function fetchTwilioMedia(request: MediaRequest): Promise<FetchedMedia> {
  let url = parseUrl(request.url, null)
  if (!isOurs(url, request.apiOrigin) && !(isOpenHttps(url) && url.hostname.endsWith('.twilio.com'))) {
    throw new ProviderError('rejected', 'The file is not at Twilio, so it is not fetched.')
  }
  if (url.pathname.endsWith(listEnd)) url = await findListed(url, request)
  for (let hop = 0; hop <= mostRedirects; hop++) {
    const answer = await get(url, request)
    const location = answer.headers.location
    if (!redirects.has(answer.status) || location === undefined)
      return readMedia(answer, url, request.apiOrigin)
    url = parseUrl(location, url)
    if (!isOurs(url, request.apiOrigin) && !isOpenHttps(url)) {
      throw new ProviderError('rejected', 'The file’s address leads to a place without encryption.')
    }
  }
  throw new ProviderError('rejected', 'The file’s address leads from one redirect to the next.')
}

/** The file's own address, from the list of the message's files. */
async function findListed(list: URL, request: MediaRequest): Promise<URL> {
  const answer = await get(list, request)
  if (answer.status !== 200) throw refusal(answer.status, list, request.apiOrigin)
  const sid = sidsIn(answer.body)[Number(list.hash.slice(1))]
  if (sid === undefined) throw new ProviderError('rejected', 'Twilio no longer has the file.')
  return parseUrl(`${list.origin}${list.pathname.replace(/\.json$/, '')}/${sid}`, null)
}

function sidsIn(body: Buffer): string[] {
  try {
    const { media_list: files } = JSON.parse(body.toString()) as { media_list: { sid: string }[] }
    return files.flatMap(({ sid }) => (/^ME\w{1,64}$/.test(sid) ? [sid] : []))
  } catch {
    throw new ProviderError('unreachable', 'Twilio’s list of the files cannot be read. It is tried again.')
  }
}

function parseUrl(text: string, base: URL | null): URL {
  try {
    return base === null ? new URL(text) : new URL(text, base)
  } catch {
    throw new ProviderError('rejected', 'The file’s address is not valid.')
  }
}

const isOurs = (url: URL, apiOrigin: string | null) => url.origin === apiOrigin

/** On the standard port and without a user name, which would say to the next host who we are. */
const isOpenHttps = (url: URL) =>
  url.protocol === 'https:' && url.port === '' && url.username === '' && url.password === ''

const twilioApi = /^api(\.[a-z0-9-]+){0,2}\.twilio\.com$/

async function get(url: URL, { credentials, maxBytes, apiOrigin }: MediaRequest): Promise<HttpAnswer> {
  const ours = isOurs(url, apiOrigin)
  const trusted = ours || (isOpenHttps(url) && twilioApi.test(url.hostname))
  const basic = Buffer.from(`${credentials.accountSid}:${credentials.authToken}`).toString('base64')
  try {
    return await callHttp({
      url,
      method: 'GET',
      headers: {
        accept: '*/*',
        'accept-encoding': 'identity',
        ...(trusted ? { authorization: `Basic ${basic}` } : {}),
      },
      timeoutMs,
      maxBytes,
      publicOnly: !ours,
    })
  } catch (error) {
    throw translate(error)
  }
}

function translate(error: unknown): ProviderError {
  if (error instanceof AnswerTooLarge) {
    return new ProviderError('rejected', `The file has more than ${error.maxBytes} bytes, so it is not kept.`)
  }
  if (error instanceof AddressNotPublic) {
    return new ProviderError(
      'rejected',
      'The file’s address leads into a private network, so it is not fetched.',
    )
  }
  return new ProviderError('unreachable', 'The file could not be fetched from Twilio. It is tried again.')
}

function readMedia(answer: HttpAnswer, url: URL, apiOrigin: string | null): FetchedMedia {
  const { status, headers, body } = answer
  if (status === 200) return { contentType: mediaType(headers), fileName: fileName(headers), content: body }
  throw refusal(status, url, apiOrigin)
}

function refusal(status: number, url: URL, apiOrigin: string | null): ProviderError {
  // Right after the webhook Twilio may not have the file in its store yet.
  if (status === 404 || status === 408 || status === 429 || status >= 500) {
    return new ProviderError(
      'unreachable',
      `Twilio does not have the file ready (HTTP ${status}). It is tried again.`,
    )
  }
  const atApi = isOurs(url, apiOrigin) || twilioApi.test(url.hostname)
  if (atApi && (status === 401 || status === 403)) {
    const sentence = 'Twilio refused the Account SID or Auth Token for the file. Check the credentials.'
    return new ProviderError('misconfigured', sentence, '20003')
  }
  return new ProviderError('rejected', `Twilio does not give out the file (HTTP ${status}).`)
}

function mediaType(headers: IncomingHttpHeaders): string {
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  return /^[\w.+-]{1,60}\/[\w.+-]{1,100}$/.test(type) ? type : 'application/octet-stream'
}

/** https://www.rfc-editor.org/rfc/rfc6266: `filename*` wins over `filename`. */
function fileName(headers: IncomingHttpHeaders): string | null {
  const disposition = headers['content-disposition'] ?? ''
  const extended = /filename\*=utf-8''([^;\s]+)/i.exec(disposition)?.[1]
  const plain = /filename="([^"]+)"|filename=([^;\s]+)/i.exec(disposition)
  const name = (extended === undefined ? undefined : decode(extended)) ?? plain?.[1] ?? plain?.[2]
  // No path and no control characters: it is only a label.
  const label = name
    ?.replace(/^.*[/\\]/, '')
    .replace(/\p{Cc}/gu, '')
    .slice(0, 255)
  return label === undefined || label === '' ? null : label
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
