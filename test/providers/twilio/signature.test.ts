import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { verifyTwilio } from '../../../src/providers/twilio/signature.js'

const voiceForm = (from: string, to: string) =>
  `CallSid=CA1234567890ABCDE&Caller=${from}&Digits=1234&From=${from}&To=${to}`.replaceAll('+', '%2B')

const account = `AC${'0'.repeat(32)}`
const messageForm = (body: string, more = '') =>
  `MessageSid=SM00000000000000000000000000000001&SmsSid=SM00000000000000000000000000000001&AccountSid=${account}` +
  `&From=%2B15550001111&To=%2B15550002222&Body=${body}&NumMedia=0${more}`

const jsonUrl =
  'https://hooks.example.com/j?bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862'

const plainUrl = 'https://hooks.example.com/twilio/inbound/ch_1'
const emptyBody = messageForm('')
const emptyBodySignature = 'fw2AVHIs48NOd2sxaYAz1AaRTfM='

const portUrl = 'https://hooks.example.com:8443/twilio/inbound/ch_1?x=1'
const richBody = messageForm(encodeURIComponent('Olá ☎ 😀 a+b&c=d\r\nline 2'), '&ProfileName=Zo%C3%AB')
const richSignature = 'OznRYa50/tGYd2/XwGezaQzMKz8='

const verify = (url: string, body: string, signature: string | undefined, token = 'test-token-1') =>
  verifyTwilio({ url, body, headers: { 'x-twilio-signature': signature } }, token)

describe('Twilio’s signature', () => {
  it.each([
    {
      name: 'the example of Twilio’s documentation',
      url: 'https://example.com/myapp.php?foo=1&bar=2',
      body: voiceForm('+14158675310', '+18005551212'),
      signature: 'L/OH5YylLD5NRKLltdqwSvS0BnU=',
      token: '12345',
    },
    {
      name: 'the example of the SDK’s own tests',
      url: 'https://mycompany.com/myapp.php?foo=1&bar=2',
      body: voiceForm('+14158675309', '+18005551212'),
      signature: 'RSOYDt4T1cUTdK1PDd93/VVr8B8=',
      token: '12345',
    },
    { name: 'an empty text', url: plainUrl, body: emptyBody, signature: emptyBodySignature },
    {
      name: 'a port, other alphabets and a line break',
      url: portUrl,
      body: richBody,
      signature: richSignature,
    },
    { name: 'a JSON body', url: jsonUrl, body: '{"a":1}', signature: 'onsVdqnG9IfTxNZ0OfHR6HelRdc=' },
  ])('of $name is right', ({ url, body, signature, token }) => {
    const genuine = verify(url, body, signature, token)

    expect(genuine).toBe(true)
  })

  it.each([
    ['we name the standard port and Twilio did not', plainUrl.replace('.com/', '.com:443/'), true],
    ['we name another port and Twilio did not', plainUrl.replace('.com/', '.com:8443/'), true],
    ['http instead of https', plainUrl.replace('https', 'http'), false],
    ['a slash at the end', `${plainUrl}/`, false],
    ['the host in capitals', plainUrl.replace('hooks', 'HOOKS'), true],
    ['a user name in the URL', plainUrl.replace('//', '//user:password@'), false],
    ['a fragment in the URL', `${plainUrl}#rc=5`, false],
    ['a relative URL', '/twilio/inbound/ch_1', false],
    ['no URL', '', false],
  ])('with %s: %j is %s', (_name, url, genuine) => {
    const answer = verify(url, emptyBody, emptyBodySignature)

    expect(answer).toBe(genuine)
  })

  it('Twilio named a port that we leave out: it is wrong', () => {
    const genuine = verify(portUrl.replace(':8443', ''), richBody, richSignature)

    expect(genuine).toBe(false)
  })

  it.each([
    ['one field more', `${emptyBody}&X=`],
    ['one field less, though it was empty', emptyBody.replace('&Body=', '')],
    ['the line break changed', richBody.replace('%0D%0A', '%0A')],
  ])('%s makes it wrong', (_name, body) => {
    const isRich = body.includes('ProfileName')

    const genuine = isRich ? verify(portUrl, body, richSignature) : verify(plainUrl, body, emptyBodySignature)

    expect(genuine).toBe(false)
  })

  it.each([undefined, '', 'x', `${emptyBodySignature}x`, 'é'])('the header %j is wrong', (signature) => {
    const genuine = verify(plainUrl, emptyBody, signature)

    expect(genuine).toBe(false)
  })

  it('an empty token makes nothing right, not even what was signed with it', () => {
    const unkeyed = createHmac('sha1', '').update('https://h.example/xA1').digest('base64')

    const genuine = verify('https://h.example/x', 'A=1', unkeyed, '')

    expect(genuine).toBe(false)
  })

  it('a repeated field counts once per different value', () => {
    // HMAC-SHA1 of https://h.example/xA1A2B3 with the key k, computed with OpenSSL.
    const genuine = verify('https://h.example/x', 'B=3&A=2&A=1&A=2', 'kOKGEra8CnR2zUmc2gri9dsldA0=', 'k')

    expect(genuine).toBe(true)
  })

  it('a JSON body that was changed is wrong', () => {
    const genuine = verify(jsonUrl, '{"a":2}', 'onsVdqnG9IfTxNZ0OfHR6HelRdc=')

    expect(genuine).toBe(false)
  })

  it('field names that look like code or brackets are read as they are', () => {
    // HMAC-SHA1 of https://h.example/x__proto__1a[b]2constructor3 with the key k, computed with OpenSSL.
    const genuine = verify(
      'https://h.example/x',
      'constructor=3&a%5Bb%5D=2&__proto__=1',
      'dKJ+Vj8aqc3NZfvUgaHCNNDd6kk=',
      'k',
    )

    expect(genuine).toBe(true)
  })

  it('more than a thousand fields are all counted', () => {
    const body = Array.from({ length: 1500 }, (_, n) => `f${n}=${n}`).join('&')

    const short = verify(
      'https://h.example/x',
      body.replace('&f1499=1499', ''),
      'KouoCIWT4EeDhlFIMrEWuTP3uY8=',
      'k',
    )
    const whole = verify('https://h.example/x', body, 'KouoCIWT4EeDhlFIMrEWuTP3uY8=', 'k')

    expect([short, whole]).toEqual([false, true])
  })
})
