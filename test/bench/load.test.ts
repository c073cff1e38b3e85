import twilio from 'twilio'
import { describe, expect, test } from 'vitest'
import { prepareCallbacks, senderAt } from '../../src/bench/callbacks.js'
import { readReceived } from '../../src/bench/event-listener.js'
import { firstMessage, serialize, statusOf } from '../../src/bench/wire.js'

const target = {
  accountSid: `AC${'0'.repeat(32)}`,
  authToken: 'the-auth-token',
  number: '+12065550100',
  callbackUrl: 'http://127.0.0.1:3000/callbacks/twilio/token#rc=5',
}

describe('prepared callbacks', () => {
  test('carry the signature that Twilio’s SDK accepts for the URL without its fragment', () => {
    const [callback] = prepareCallbacks(target, { kind: 'known', count: 1 }, 1)

    const [head = '', body = ''] = callback!.request.toString().split('\r\n\r\n')
    const signature = /x-twilio-signature: (.+)/.exec(head)?.[1] ?? ''
    const fields = Object.fromEntries(new URLSearchParams(body))
    const url = 'http://127.0.0.1:3000/callbacks/twilio/token'
    expect(head).toMatch(/^POST \/callbacks\/twilio\/token HTTP\/1\.1\r\nhost: 127\.0\.0\.1:3000\r\n/)
    expect(twilio.validateRequest(target.authToken, signature, url, fields)).toBe(true)
    expect(fields).toMatchObject({ MessageSid: callback!.messageSid, To: '+12065550100' })
  })

  test('never repeat a message', () => {
    const sids = prepareCallbacks(target, { kind: 'known', count: 2 }, 50).map(({ messageSid }) => messageSid)

    expect(new Set(sids).size).toBe(50)
  })

  test('known senders take turns, new ones come once each', () => {
    const known = [0, 1, 2].map((index) => senderAt({ kind: 'known', count: 2 }, index))
    const fresh = [0, 1, 2].map((index) => senderAt({ kind: 'new', first: 5 }, index))

    expect(known[2]).toBe(known[0])
    expect(new Set([...known, ...fresh]).size).toBe(5)
  })
})

describe('answers on a keep-alive connection', () => {
  const answer = Buffer.from('HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\n\r\nbodyrest')

  test('end where their length says', () => {
    expect(firstMessage(answer)).toEqual({ bodyStart: 44, end: 48 })
    expect(statusOf(answer)).toBe(202)
  })

  test('are waited for until they are whole', () => {
    expect(firstMessage(answer.subarray(0, 30))).toBeNull()
    expect(firstMessage(answer.subarray(0, 46))).toBeNull()
  })

  test('without a body end with their head', () => {
    const empty = Buffer.from('HTTP/1.1 204 No Content\r\nserver: x\r\n\r\n')

    expect(firstMessage(empty)?.end).toBe(empty.length)
  })

  test('in chunks are refused rather than misread', () => {
    const chunked = Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')

    expect(() => firstMessage(chunked)).toThrow('Content-Length')
  })

  test('a request counts the bytes of its body, not its characters', () => {
    const request = serialize({ method: 'POST', path: '/', host: 'a', headers: {}, body: 'é' })

    expect(request.toString()).toBe('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\né')
  })
})

describe('the event stream', () => {
  const block = (type: string) =>
    `id: 7\nevent: ${type}\ndata: ${JSON.stringify({ type, message: { providerMessageId: 'SM1' } })}`

  test('gives the provider’s id of a received message', () => {
    expect(readReceived(block('message.received'))).toBe('SM1')
  })

  test('other events and heartbeats count for nothing', () => {
    expect(readReceived(block('message.sent'))).toBeNull()
    expect(readReceived(': still here')).toBeNull()
  })
})
