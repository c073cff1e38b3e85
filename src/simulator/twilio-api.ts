import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { canonicalAddress } from './addresses.js'
import type { Engine } from './engine.js'
import { type ErrorAnswers, type Fault, faultAfter, faultBefore } from './faults.js'
import { acceptForms, formOf } from './forms.js'
import { fetchFile } from './media.js'
import type { ReportStep } from './reports.js'
import { type Account, makeSid, type SimulatedMessage } from './state.js'
import {
  mediaRows,
  messageList,
  messageRow,
  numberRow,
  page,
  senderRow,
  shortCodeRow,
} from './twilio-rows.js'
import { acceptTwilioSend, failed, refuseTwilioSend } from './twilio-send.js'

interface AccountRoute {
  Params: { sid: string }
  Querystring: Record<string, string | undefined>
}

function sendError(reply: FastifyReply, status: number, code: number, message: string): FastifyReply {
  const more_info = `https://www.twilio.com/docs/errors/${code}`
  return reply.code(status).send({ code, message, more_info, status })
}

const errorAnswers: ErrorAnswers = {
  internal: (reply) => sendError(reply, 500, 20500, 'Internal Server Error'),
  rateLimited: (reply) =>
    sendError(reply.header('twilio-concurrent-requests', '101'), 429, 20429, 'Too Many Requests'),
  refused: (reply, code) => sendError(reply, 400, Number(code ?? 21211), 'Refused by the simulated fault'),
}

/** The account that the Basic credentials name, or undefined after the answer 401. */
function authenticate(engine: Engine, request: FastifyRequest, reply: FastifyReply): Account | undefined {
  const { authorization } = request.headers
  const sid =
    (request.params as { sid?: string }).sid ??
    Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64')
      .toString()
      .split(':')[0] ??
    ''
  const account = engine.state.account('twilio', sid)
  if (account && account.basicAuthorization === authorization && account.options.status !== 'closed') {
    return account
  }
  sendError(reply, 401, 20003, 'Authenticate')
  return undefined
}

/** Every call but sending: credentials, latency, faults, then the answer. */
function read<Route extends { Params?: unknown; Querystring?: unknown }>(
  engine: Engine,
  answer: (account: Account, request: FastifyRequest<Route>, reply: FastifyReply) => unknown,
) {
  return async (request: FastifyRequest<Route>, reply: FastifyReply) => {
    const account = authenticate(engine, request as FastifyRequest, reply)
    if (!account) return reply
    const fault = engine.state.faults.take({ provider: 'twilio', accountId: account.id, on: 'read' })
    if (await faultBefore(fault, reply, errorAnswers)) return reply
    await engine.latency()
    if (faultAfter(fault, reply)) return reply
    return answer(account, request, reply)
  }
}

/** Twilio's API, below `/twilio`. https://www.twilio.com/docs/messaging/api */
export function twilioApi(app: FastifyInstance, engine: Engine): void {
  acceptForms(app)
  const { state } = engine
  const root = '/2010-04-01/Accounts/:sid'

  app.post<AccountRoute>(`${root}/Messages.json`, async (request, reply) => {
    const account = authenticate(engine, request, reply)
    if (!account) return reply
    const { fields } = formOf(request.body)
    const to = canonicalAddress(fields.get('To') ?? '')
    const fault = state.faults.take({ provider: 'twilio', accountId: account.id, on: 'send', to })
    if (await faultBefore(fault, reply, errorAnswers)) return reply
    if (account.options.status === 'suspended') return sendError(reply, 403, 20005, 'Account not active')
    const refused = refuseTwilioSend(state, account, fields)
    if (refused) {
      await engine.latency()
      return sendError(reply, refused.status, refused.code, refused.message)
    }
    const { message, steps } = acceptTwilioSend(state, account, fields)
    const answer = messageRow(message)
    await startReports(engine, message, steps, fault)
    await engine.latency()
    return faultAfter(fault, reply) ? reply : reply.code(201).send(answer)
  })

  app.get<AccountRoute>(
    `${root}/Messages.json`,
    read<AccountRoute>(engine, (account, request) => messageList(state, account, request.query)),
  )

  app.get<{ Params: { sid: string; id: string } }>(
    `${root}/Messages/:id`,
    read<{ Params: { id: string } }>(engine, (account, request, reply) => {
      const message = state.messages.get(request.params.id.replace(/\.json$/, ''))
      if (message?.accountId === account.id) return messageRow(message)
      return sendError(reply, 404, 20404, `The requested resource ${request.url} was not found`)
    }),
  )

  app.get<{ Params: { sid: string; id: string } }>(
    `${root}/Messages/:id/Media.json`,
    read<{ Params: { id: string } }>(engine, (account, request, reply) => {
      const message = state.messages.get(request.params.id)
      if (message?.accountId === account.id) return page('media_list', mediaRows(message, state), request)
      return sendError(reply, 404, 20404, 'The requested message was not found')
    }),
  )

  app.get<{ Params: { sid: string; id: string; media: string } }>(
    `${root}/Messages/:id/Media/:media`,
    read<{ Params: { id: string; media: string } }>(engine, (account, request, reply) => {
      const message = state.messages.get(request.params.id)
      const media = state.media.get(request.params.media)
      if (message?.accountId === account.id && media && message.mediaIds.includes(media.id)) {
        return reply.redirect(`${engine.url}/cdn/${media.id}/${media.cdnToken}`, 307)
      }
      return sendError(reply, 404, 20404, 'The requested media was not found')
    }),
  )

  app.get<AccountRoute>(
    '/2010-04-01/Accounts/:sid.json',
    read<AccountRoute>(engine, (account) => ({
      sid: account.id,
      friendly_name: 'Simulated account',
      status: account.options.status,
      type: 'Full',
      owner_account_sid: account.id,
      date_created: new Date().toUTCString().replace('GMT', '+0000'),
      date_updated: new Date().toUTCString().replace('GMT', '+0000'),
      auth_token: 'redacted',
      uri: `/2010-04-01/Accounts/${account.id}.json`,
      subresource_uris: {},
    })),
  )

  app.get<AccountRoute>(
    `${root}/IncomingPhoneNumbers.json`,
    read<AccountRoute>(engine, (account, request) => {
      const wanted = numberFilter(request.query['PhoneNumber'])
      const rows = account.numbers
        .filter((each) => each.channel === 'sms' && each.type !== 'short_code' && wanted(each.number))
        .map((each) => numberRow(account, each))
      return page('incoming_phone_numbers', rows, request)
    }),
  )

  app.get<AccountRoute>(
    `${root}/SMS/ShortCodes.json`,
    read<AccountRoute>(engine, (account, request) => {
      const wanted = numberFilter(request.query['ShortCode'])
      const rows = account.numbers
        .filter((each) => each.type === 'short_code' && wanted(each.number))
        .map((each) => shortCodeRow(account, each))
      return page('short_codes', rows, request)
    }),
  )

  app.get(
    '/v2/Channels/Senders',
    read(engine, (account, request) => ({
      senders: account.numbers
        .filter((each) => each.channel === 'whatsapp')
        .map((each) => senderRow(account, each)),
      meta: {
        page: 0,
        page_size: 50,
        first_page_url: `${engine.url}${request.url}`,
        previous_page_url: null,
        url: `${engine.url}${request.url}`,
        next_page_url: null,
        key: 'senders',
      },
    })),
  )

  app.setNotFoundHandler((request, reply) =>
    sendError(reply, 404, 20404, `The requested resource ${request.url} was not found`),
  )
}

/** Twilio's PhoneNumber filter matches parts of a number and knows `*` for any digit. */
function numberFilter(pattern: string | undefined): (number: string) => boolean {
  if (!pattern) return () => true
  const digits = new RegExp(pattern.replace(/[^\d*]/g, '').replaceAll('*', '\\d'))
  return (number) => digits.test(number)
}

async function startReports(
  engine: Engine,
  message: SimulatedMessage,
  steps: ReportStep[],
  fault: Fault | null,
): Promise<void> {
  const planned =
    fault?.mode === 'fail_delivery'
      ? [
          { status: 'sent' },
          {
            status: 'undelivered',
            error: { code: fault.code ?? '30003', message: 'Unreachable destination handset' },
          },
        ]
      : steps
  const start = (wanted: ReportStep[]) =>
    engine.reports.start(message, wanted, (sent, status) => engine.reportTwilio(sent, status), fault)
  if (message.mediaUrls.length === 0) return start(planned)
  void fetchSentMedia(engine, message).then((problem) =>
    start(problem === null ? planned : [failed(message.channel === 'whatsapp' ? '63019' : '11200', problem)]),
  )
}

/** Fetches the files of a message as Twilio does after its answer; gives the reason where that fails. */
async function fetchSentMedia(engine: Engine, message: SimulatedMessage): Promise<string | null> {
  try {
    for (const url of message.mediaUrls) {
      const { contentType, content } = await fetchFile(url)
      const media = engine.state.media.add(makeSid('ME'), contentType, null, content)
      message.mediaIds.push(media.id)
    }
    return null
  } catch (error) {
    return `Media could not be fetched: ${error instanceof Error ? error.message : 'unknown reason'}`
  }
}
