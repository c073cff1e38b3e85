import { randomUUID } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { canonicalAddress } from './addresses.js'
import type { Engine } from './engine.js'
import { type ErrorAnswers, type Fault, faultAfter, faultBefore } from './faults.js'
import { acceptForms, formOf } from './forms.js'
import type { ReportStep } from './reports.js'
import { countSegments } from './segments.js'
import { type Account, findNumber, makeMessage, type SimulatedMessage } from './state.js'
import { TelesignAuthenticator } from './telesign-auth.js'
import { telesignTime } from './telesign-callbacks.js'
import { telesignDescription, telesignHttpStatus } from './telesign-codes.js'

function statusOf(code: number, at = new Date()) {
  return { code, description: telesignDescription(code), updated_on: telesignTime(at) }
}

function sendError(reply: FastifyReply, code: number, extra: Record<string, unknown> = {}): FastifyReply {
  const answer = { reference_id: null, external_id: null, status: statusOf(code), ...extra }
  return reply.code(telesignHttpStatus(code)).send(answer)
}

const errorAnswers: ErrorAnswers = {
  internal: (reply) => sendError(reply, 10000),
  rateLimited: (reply) => sendError(reply, 10019),
  refused: (reply, code) => sendError(reply, Number(code ?? 11000)),
}

// Telesign has no test numbers: these are the simulator's own, beside Twilio's.
const magicRefusals: Record<string, number> = { '+15005550001': 11000 }
const magicFailures: Record<string, string> = { '+15005550004': '510', '+15005550009': '211' }

function refuse(account: Account, fields: URLSearchParams): number | null {
  const phoneNumber = fields.get('phone_number') ?? ''
  const message = fields.get('message') ?? ''
  const senderId = fields.get('sender_id')
  if (!/^\d{7,15}$/.test(phoneNumber)) return 11000
  const magic = magicRefusals[`+${phoneNumber}`]
  if (magic !== undefined) return magic
  if (message === '' || message.length > 1600) return 11009
  if (!['OTP', 'ARN', 'MKT'].includes(fields.get('message_type') ?? '')) return 11010
  if (senderId && !findNumber(account, senderId)) return 11013
  return null
}

function accept(engine: Engine, account: Account, fields: URLSearchParams): SimulatedMessage {
  const text = fields.get('message') ?? ''
  const message = makeMessage({
    account,
    id: randomUUID().replaceAll('-', '').toUpperCase(),
    channel: 'sms',
    direction: 'outbound',
    customer: canonicalAddress(fields.get('phone_number') ?? ''),
    number: canonicalAddress(fields.get('sender_id') ?? account.numbers[0]?.number ?? ''),
    text,
    status: '290',
    segments: countSegments(text),
    externalId: fields.get('external_id'),
    reportUrl: fields.get('callback_url') || account.callbackUrl,
  })
  engine.state.addMessage(message)
  return message
}

function plannedSteps(
  engine: Engine,
  account: Account,
  message: SimulatedMessage,
  fault: Fault | null,
): ReportStep[] {
  const { accountId, number, customer } = message
  const optedOut =
    account.options.optOut !== 'off' && engine.state.isOptedOut({ accountId, number, customer })
  const code =
    fault?.mode === 'fail_delivery'
      ? (fault.code ?? '207')
      : optedOut
        ? '510'
        : (magicFailures[message.customer] ?? null)
  if (code === null) return [{ status: '203' }, { status: '200' }]
  return [{ status: code, error: { code, message: telesignDescription(Number(code)) } }]
}

/** Telesign's SMS API, below `/telesign`. https://developer.telesign.com/enterprise/reference/sms */
export function telesignApi(app: FastifyInstance, engine: Engine): void {
  acceptForms(app)
  const { state } = engine
  const authenticator = new TelesignAuthenticator(state)

  const authenticate = (request: FastifyRequest, reply: FastifyReply): Account | undefined => {
    const found = authenticator.check(request)
    if ('account' in found) return found.account
    const { code, stringToSign } = found
    sendError(reply, code, stringToSign === undefined ? {} : { signature_string: stringToSign })
    return undefined
  }

  app.post('/v1/messaging', async (request, reply) => {
    const account = authenticate(request, reply)
    if (!account) return reply
    const { fields } = formOf(request.body)
    const to = canonicalAddress(fields.get('phone_number') ?? '')
    const fault = state.faults.take({ provider: 'telesign', accountId: account.id, on: 'send', to })
    if (await faultBefore(fault, reply, errorAnswers)) return reply
    const refused = refuse(account, fields)
    if (refused !== null) {
      await engine.latency()
      return sendError(reply, refused)
    }
    const message = accept(engine, account, fields)
    const answer = {
      reference_id: message.id,
      external_id: message.externalId,
      status: statusOf(290, message.createdAt),
    }
    const steps = plannedSteps(engine, account, message, fault)
    await engine.reports.start(message, steps, (sent, status) => engine.reportTelesign(sent, status), fault)
    await engine.latency()
    return faultAfter(fault, reply) ? reply : reply.send(answer)
  })

  app.get<{ Params: { id: string } }>('/v1/messaging/:id', async (request, reply) => {
    const account = authenticate(request, reply)
    if (!account) return reply
    const fault = state.faults.take({ provider: 'telesign', accountId: account.id, on: 'read' })
    if (await faultBefore(fault, reply, errorAnswers)) return reply
    await engine.latency()
    if (faultAfter(fault, reply)) return reply
    const { id } = request.params
    if (!/^[0-9A-F]{32}$/i.test(id)) return sendError(reply, 11011)
    const message = state.messages.get(id)
    if (message?.accountId !== account.id) return sendError(reply, 10017, { reference_id: id })
    return {
      reference_id: message.id,
      external_id: message.externalId,
      status: statusOf(Number(message.status), message.updatedAt),
    }
  })
}
