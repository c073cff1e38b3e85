import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createProviders } from '../../src/providers/registry.js'
import { providerCases } from './provider-cases.js'

const providers = createProviders({ twilioApiUrl: null, telesignApiUrl: null })

describe.each(providerCases)('callbacks from $name', (given) => {
  const provider = providers[given.name]

  it('a rightly signed one is genuine', () => {
    const request = given.signed(given.inbound('ID1', 'Olá ☎ 😀 a+b&c=d\r\nline 2'))

    const genuine = provider.verify(request, given.secret)

    expect(genuine).toBe(true)
  })

  it('one signed with another secret is not', () => {
    const request = given.signed(given.inbound('ID1', 'Hello'))

    const genuine = provider.verify(request, 'QW5vdGhlciBLZXk=')

    expect(genuine).toBe(false)
  })

  it('one whose text was changed on the way is not', () => {
    const request = given.signed(given.inbound('ID1', 'Hello'))

    const genuine = provider.verify(
      { ...request, body: request.body.replace('Hello', 'Howdy') },
      given.secret,
    )

    expect(genuine).toBe(false)
  })

  it('one without a signature is not, and says that it is unsigned', () => {
    const request = given.unsigned(given.inbound('ID1', 'Hello'))

    const genuine = provider.verify(request, given.secret)

    expect(genuine).toBe(false)
    expect(provider.identify(request, given.account).isSigned).toBe(false)
  })

  it('an empty secret makes nothing genuine', () => {
    const request = given.signed(given.inbound('ID1', 'Hello'))

    const genuine = provider.verify(request, '')

    expect(genuine).toBe(false)
  })

  it('says whether it names the account', () => {
    const request = given.signed(given.inbound('ID1', 'Hello'))

    const own = provider.identify(request, given.account)
    const other = provider.identify(request, 'AC11111111111111111111111111111111')

    expect([own.namesAccount, other.namesAccount]).toEqual([true, false])
  })

  it('a repeat has the same key, another message and each status has its own', () => {
    const keyOf = (body: string) => provider.identify(given.signed(body), given.account).key
    const message = keyOf(given.inbound('ID1', 'Hello'))

    const repeat = keyOf(given.inbound('ID1', 'Hello'))

    expect(repeat).toBe(message)
    expect(keyOf(given.inbound('ID2', 'Hello'))).not.toBe(message)
    expect(keyOf(given.status('ID1', given.delivered))).not.toBe(message)
    expect(keyOf(given.status('ID1', given.unknownStatus))).not.toBe(
      keyOf(given.status('ID1', given.delivered)),
    )
  })

  it('two messages of one customer share a lane', () => {
    const laneOf = (body: string) => provider.identify(given.signed(body), given.account).lane

    const lanes = [laneOf(given.inbound('ID1', 'a')), laneOf(given.inbound('ID2', 'b'))]

    expect(lanes).toEqual(['+15550001111', '+15550001111'])
  })

  it('a message is read whole, with both numbers in E.164', () => {
    const request = given.signed(given.inbound('ID1', 'Olá ☎ 😀'))

    const event = provider.parse(request)

    expect(event).toMatchObject({
      type: 'message',
      providerMessageId: 'ID1',
      channel: 'sms',
      from: '+15550001111',
      to: '+15550002222',
      text: 'Olá ☎ 😀',
      consent: null,
    })
  })

  it.each([
    ['Stop', 'stop'],
    ['  UNSUBSCRIBE \n', 'stop'],
    ['start', 'start'],
    ['Help', 'help'],
    ['please stop', null],
    ['stop.', null],
    ['constructor', null],
  ])('the text %j is consent %s', (text, consent) => {
    const event = provider.parse(given.signed(given.inbound('ID1', text)))

    expect(event).toMatchObject({ text, consent })
  })

  it('NUL characters are dropped and nothing else', () => {
    const event = provider.parse(given.signed(given.inbound('ID1', ' a\0b\t\r\n')))

    expect(event).toMatchObject({ text: ' ab\t\r\n' })
  })

  it('an empty text is a message', () => {
    const event = provider.parse(given.signed(given.inbound('ID1', '')))

    expect(event).toMatchObject({ type: 'message', text: '' })
  })

  it('a text that looks like base64 stays as it is', () => {
    const event = provider.parse(given.signed(given.inbound('ID1', 'SGVsbG8gd29ybGQ=')))

    expect(event).toMatchObject({ text: 'SGVsbG8gd29ybGQ=' })
  })

  it('a text over 1600 characters is read whole', () => {
    const text = '😀'.repeat(1000)

    const event = provider.parse(given.signed(given.inbound('ID1', text)))

    expect(event).toMatchObject({ text })
  })

  it('a delivered message is reported as delivered', () => {
    const event = provider.parse(given.signed(given.status('ID1', given.delivered)))

    expect(event).toMatchObject({
      type: 'status',
      providerMessageId: 'ID1',
      status: 'delivered',
      error: null,
    })
  })

  it('a status that nobody knows is kept with its name', () => {
    const event = provider.parse(given.signed(given.status('ID1', given.unknownStatus)))

    expect(event).toMatchObject({ type: 'ignored', reason: 'unknown_status' })
    expect(event.type === 'ignored' && event.detail).toContain(given.unknownStatus)
  })

  it.each([
    '',
    '{',
    'null',
    '[]',
    '"text"',
    '17',
    '%',
    '&&&=',
    '{"reference_id":{}}',
    '\u0000',
    '__proto__=1',
  ])('the body %j makes no sense, which is said and not thrown', (body) => {
    const event = provider.parse(given.unsigned(body))

    expect(event).toMatchObject({ type: 'ignored', reason: 'unintelligible' })
    expect(provider.identify(given.unsigned(body), given.account).kind).toBe('unknown')
  })

  it('a key and a lane made of rubbish stay short and printable', () => {
    const id = `\u0000${'x'.repeat(5000)}é`

    const identity = provider.identify(given.unsigned(given.inbound(id, 'Hello')), given.account)

    expect(identity.key).toMatch(/^sha256:[0-9a-f]{64}$/)
  })

  it('no body, address or header makes verify, identify or parse throw', () => {
    const names = fc.constantFrom(
      'MessageSid',
      'MessageStatus',
      'ErrorCode',
      'From',
      'To',
      'Body',
      'MediaUrl0',
      'x',
    )
    const values = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('failed', 'constructor', 'SM1', '__proto__'),
    )
    const form = fc
      .array(fc.tuple(names, values))
      .map((pairs) =>
        pairs.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`).join('&'),
      )
    const object = fc
      .record(
        {
          reference_id: fc.oneof(values, fc.jsonValue()),
          sub_resource: fc.oneof(fc.constantFrom('mo_sms', 'sms'), fc.jsonValue()),
          status: fc.oneof(
            fc.record({ code: fc.oneof(values, fc.integer(), fc.jsonValue()) }),
            fc.jsonValue(),
          ),
          errors: fc.jsonValue(),
          user_response: fc.oneof(
            fc.record({ phone_number: values, sender_id: values, mo_message: fc.jsonValue() }),
            fc.jsonValue(),
          ),
        },
        { requiredKeys: [] },
      )
      .map((value) => JSON.stringify(value))
    const request = fc.record({
      url: fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true }), fc.constant('/x?bodySHA256=1')),
      headers: fc.constantFrom({}, { 'x-twilio-signature': 'é' }, { authorization: 'TSA :' }),
      body: fc.oneof(fc.string({ unit: 'binary' }), form, object),
    })

    const calls = () =>
      fc.assert(
        fc.property(request, (odd) => {
          provider.verify(odd, given.secret)
          const { key, lane } = provider.identify(odd, given.account)
          const event = provider.parse(odd)
          return key.length <= 200 && lane.length <= 200 && !JSON.stringify(event).includes('\\u0000')
        }),
        { numRuns: 1000 },
      )

    expect(calls).not.toThrow()
  })
})
