import { afterEach, describe, expect, it } from 'vitest'
import { createTwilio } from '../../../src/providers/twilio/provider.js'
import { type FakeApi, fakeApi, json, type Received } from '../fake-api.js'
import { noon, twilioAccount } from '../provider-cases.js'

const apis: FakeApi[] = []

afterEach(async () => {
  await Promise.all(apis.splice(0).map((api) => api.close()))
})

type Row = Record<string, unknown>

/** A list of messages as Twilio keeps it, newest first. */
async function listOf(rows: Row[], answer: (rows: Row[], request: Received) => Row): Promise<FakeApi> {
  const api = await fakeApi((request, response) => {
    const to = request.query.get('To')
    json(response, 200, answer(to ? rows.filter((row) => row['to'] === to) : rows, request))
  })
  apis.push(api)
  return api
}

const inOnePage = (messages: Row[]): Row => ({ messages, next_page_uri: null })

const at = (second: number): string =>
  new Date(noon.getTime() + second * 1000).toUTCString().replace('GMT', '+0000')

const row = (sid: string, second: number, more: Row = {}): Row => ({
  sid,
  account_sid: twilioAccount,
  api_version: '2010-04-01',
  direction: 'inbound',
  status: 'received',
  from: '+15550001111',
  to: '+15550002222',
  body: `Text of ${sid}`,
  num_media: '0',
  num_segments: '1',
  messaging_service_sid: null,
  date_sent: at(second),
  date_created: at(second),
  ...more,
})

const credentials = { accountSid: twilioAccount, authToken: 'test-token-1' }
const query = {
  channel: 'sms' as const,
  numbers: ['+15550002222'],
  since: noon,
  until: new Date(noon.getTime() + 60_000),
  most: null as number | null,
}
const listFrom = (
  api: FakeApi,
  more: Partial<typeof query> | { channel: 'whatsapp'; numbers: string[] } = {},
) => createTwilio(api.url, 1000).listReceived({ ...query, ...more }, credentials)
/** What the worker will read in the messages of the list. */
const understood = async (api: FakeApi, more: Parameters<typeof listFrom>[1] = {}) =>
  (await listFrom(api, more))?.map(({ headers, body }) =>
    createTwilio(api.url, 1000).parse({ url: 'https://hooks.example.com/x', headers, body }),
  )

describe('the list of received messages', () => {
  it('is read oldest first, with the order kept of those that share a second', async () => {
    const api = await listOf([row('SM4', 9), row('SM3', 5), row('SM2', 5), row('SM1', 5)], inOnePage)

    const found = await understood(api)

    expect(found).toMatchObject(['SM1', 'SM2', 'SM3', 'SM4'].map((sid) => ({ providerMessageId: sid })))
  })

  it('is asked for by number and time, and what was sent or falls outside is left out all the same', async () => {
    const rows = [row('SM4', 60), row('SM3', 5, { direction: 'outbound-api' }), row('SM2', 4), row('SM1', -1)]
    const api = await listOf(rows, inOnePage)

    const found = await listFrom(api)

    expect(found).toMatchObject([{ to: '+15550002222', at: new Date(noon.getTime() + 4000) }])
    const [asked] = api.received
    expect(asked?.path).toBe(`/2010-04-01/Accounts/${twilioAccount}/Messages.json`)
    expect(Object.fromEntries(asked?.query ?? [])).toEqual({
      To: '+15550002222',
      'DateSent>': '2026-01-01T12:00:00Z',
      'DateSent<': '2026-01-01T12:01:00Z',
      PageSize: '1000',
    })
  })

  it('is walked page by page', async () => {
    const rows = Array.from({ length: 5 }, (_, index) => row(`SM${index}`, 5 - index))
    const api = await listOf(rows, (all, { query: asked }) => {
      const page = Number(asked.get('Page') ?? 0)
      return {
        messages: all.slice(page * 2, page * 2 + 2),
        next_page_uri: page < 2 ? `/2010-04-01/Accounts/x/Messages.json?Page=${page + 1}` : null,
      }
    })

    const found = await understood(api)

    expect(found).toMatchObject(
      ['SM4', 'SM3', 'SM2', 'SM1', 'SM0'].map((sid) => ({ providerMessageId: sid })),
    )
  })

  it('is given up where it has more rows than were to be read', async () => {
    const api = await listOf([row('SM3', 3), row('SM2', 2), row('SM1', 1)], inOnePage)

    expect(await listFrom(api, { most: 3 })).toHaveLength(3)
    expect(await listFrom(api, { most: 2 })).toBeNull()
  })

  it('is read whole for many numbers', async () => {
    const numbers = Array.from({ length: 11 }, (_, index) => `+155500022${10 + index}`)
    const rows = [row('SM2', 2, { to: '+15559999999' }), row('SM1', 1, { to: numbers[3] })]
    const api = await listOf(rows, inOnePage)

    const found = await understood(api, { numbers })

    expect(found).toMatchObject([{ providerMessageId: 'SM1', to: numbers[3] }])
    expect(api.received).toHaveLength(1)
    expect(api.received[0]?.query.has('To')).toBe(false)
  })

  it('gives a WhatsApp message with its files, which are found through their own list', async () => {
    const ids = { from: 'whatsapp:US.1349120', to: 'whatsapp:+15550002222' }
    const rows = [row('MM1', 1, { ...ids, body: '', num_media: '2', messaging_service_sid: 'MG1' })]
    const api = await listOf(rows, inOnePage)

    const [message] = (await understood(api, { channel: 'whatsapp', numbers: ['+15550002222'] })) ?? []

    const list = `${api.url}/2010-04-01/Accounts/${twilioAccount}/Messages/MM1/Media.json`
    expect(message).toMatchObject({
      channel: 'whatsapp',
      from: 'US.1349120',
      to: '+15550002222',
      text: '',
      media: [{ url: `${list}#0` }, { url: `${list}#1` }],
      details: { MessagingServiceSid: 'MG1' },
    })
  })

  it('keeps texts as they are', async () => {
    const text = ' Zoë 👩‍👩‍👧\r\na+b&c=d% '
    const api = await listOf([row('SM1', 1, { body: text })], inOnePage)

    expect(await understood(api)).toMatchObject([{ text }])
  })

  it.each([
    [500, 'unreachable'],
    [429, 'throttled'],
    [401, 'misconfigured'],
  ])('that is answered with HTTP %i is %s', async (status, kind) => {
    const api = await fakeApi((_, response) => json(response, status, { message: 'no', status }))
    apis.push(api)

    await expect(listFrom(api)).rejects.toMatchObject({ kind })
  })
})
