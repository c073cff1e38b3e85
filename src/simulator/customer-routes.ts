import formbody from '@fastify/formbody'
import type { FastifyError, FastifyInstance } from 'fastify'
import { ZodError } from 'zod'
import { accountView, registerAccount } from './accounts.js'
import { canonicalAddress } from './addresses.js'
import {
  type AccountRegistration,
  faultSchema,
  forgeSchema,
  messageQuerySchema,
  replaySchema,
  settingsSchema,
  textSchema,
  windowSchema,
} from './customer-schemas.js'
import type { Engine } from './engine.js'
import { CustomerError } from './find-business.js'
import { messageView } from './message-view.js'
import type { CallbackOutcome, Settings, SimulatedMessage } from './state.js'
import { sendText } from './texting.js'

/** What a person or a test does: everything that is not the providers' own API. */
export function customerRoutes(app: FastifyInstance, engine: Engine): void {
  const { state } = engine
  const view = (message: SimulatedMessage) => messageView(message, state.media)
  void app.register(formbody, { parser: readForm })

  app.setErrorHandler((error: FastifyError | ZodError | CustomerError, _request, reply) => {
    if (error instanceof ZodError) {
      const errors = error.issues.map(({ path, message }) => ({ path: path.join('.'), message }))
      const text = errors.map(({ path, message }) => `${path || 'body'}: ${message}`).join('; ')
      return reply.code(400).send({ error: text, errors })
    }
    if (error instanceof CustomerError) return reply.code(400).send({ error: error.message })
    const isBadJson = error instanceof SyntaxError
    return reply.code(isBadJson ? 400 : (error.statusCode ?? 500)).send({ error: error.message })
  })

  app.post('/accounts', (request, reply) =>
    reply.code(201).send(accountView(registerAccount(state, request.body as AccountRegistration))),
  )
  app.get('/accounts', () => ({ data: [...state.accounts.values()].map(accountView) }))

  app.post('/text', async (request, reply) => {
    const result = await sendText(engine, textSchema.parse(request.body))
    const { status } = result.callback
    const arrived = status !== null && status >= 200 && status < 300
    return reply.code(arrived ? 200 : 502).send(result)
  })
  app.post('/forge', (request) => {
    const { secret, unsigned, ...text } = forgeSchema.parse(request.body)
    return sendText(engine, text, unsigned ? 'unsigned' : { secret })
  })
  app.post('/replay', async (request) => {
    const { messageId, status, times, parallel } = replaySchema.parse(request.body)
    return { outcomes: await replay(engine, { messageId, status, times, parallel }) }
  })

  app.get('/messages', (request) => ({ data: findMessages(engine, request.query).map(view) }))
  app.get<{ Params: { customer: string } }>('/phones/:customer/messages', (request) => ({
    data: findMessages(engine, {
      ...(request.query as object),
      customer: request.params.customer,
    }).map(view),
  }))
  app.get<{ Params: { id: string } }>('/messages/:id', (request, reply) => {
    const message = state.messages.get(request.params.id)
    return message ? view(message) : reply.code(404).send({ error: 'No message has this id' })
  })

  app.post('/faults', (request, reply) => {
    const { provider, accountId, to, on, mode, code, delayMs, retryAfterSeconds, times } = faultSchema.parse(
      request.body,
    )
    const fault = state.faults.add({
      provider: provider ?? null,
      accountId: accountId ?? null,
      to: to === undefined ? null : canonicalAddress(to),
      on,
      mode,
      code: code ?? null,
      delayMs: delayMs ?? null,
      retryAfterSeconds: retryAfterSeconds ?? null,
      timesLeft: times === 0 ? null : times,
    })
    return reply.code(201).send(fault)
  })
  app.get('/faults', () => ({ data: state.faults.list() }))
  app.delete('/faults', (_request, reply) => {
    state.faults.clear()
    return reply.code(204).send()
  })

  app.post('/settings', (request) => {
    const changes = Object.entries(settingsSchema.parse(request.body)).filter(
      ([, value]) => value !== undefined,
    )
    state.settings = { ...state.settings, ...(Object.fromEntries(changes) as Partial<Settings>) }
    return state.settings
  })
  app.get('/settings', () => state.settings)

  app.post('/window', (request, reply) => {
    const { customer, number, accountId, lastInboundAt } = windowSchema.parse(request.body)
    const wanted = canonicalAddress(number)
    const at = lastInboundAt === null ? null : Date.parse(lastInboundAt)
    for (const account of state.accounts.values()) {
      if (accountId !== undefined && account.id !== accountId) continue
      state.setLastInboundAt(
        { accountId: account.id, number: wanted, customer: canonicalAddress(customer) },
        at,
      )
    }
    return reply.code(204).send()
  })

  app.get('/problems', () => ({ data: state.problems }))
  app.delete('/problems', (_request, reply) => {
    state.problems.length = 0
    return reply.code(204).send()
  })

  // The providers' CDN: the address itself is the permission, credentials have no business here.
  app.get<{ Params: { id: string; token: string } }>('/cdn/:id/:token', (request, reply) => {
    const media = state.media.get(request.params.id)
    if (request.headers.authorization !== undefined) {
      state.recordProblem('credentials_leaked', 'The CDN received an Authorization header')
    }
    if (media?.cdnToken !== request.params.token) return reply.code(404).send({ error: 'No such file' })
    const isImage = /^image\/(png|jpeg|gif|webp)$/.test(media.contentType)
    return reply
      .header('content-type', media.contentType)
      .header('x-content-type-options', 'nosniff')
      .header('content-disposition', isImage ? 'inline' : 'attachment')
      .send(media.content)
  })
}

/** Newest messages that fit, oldest first. */
function findMessages(engine: Engine, query: unknown): SimulatedMessage[] {
  const { customer, number, accountId, channel, direction, limit } = messageQuerySchema.parse(query)
  const from = customer === undefined ? undefined : canonicalAddress(customer)
  const to = number === undefined ? undefined : canonicalAddress(number)
  return [...engine.state.messages.values()]
    .filter(
      (each) =>
        (from === undefined || each.customer === from) &&
        (to === undefined || each.number === to) &&
        (accountId === undefined || each.accountId === accountId) &&
        (channel === undefined || each.channel === channel) &&
        (direction === undefined || each.direction === direction),
    )
    .slice(-limit)
}

async function replay(
  engine: Engine,
  wanted: { messageId: string; status: string | undefined; times: number; parallel: boolean },
): Promise<CallbackOutcome[]> {
  const message = engine.state.messages.get(wanted.messageId)
  if (!message) throw new CustomerError('messageId: no message has this id; GET /messages shows them')
  const callback = message.callbacks.findLast(
    (each) => wanted.status === undefined || each.status === wanted.status,
  )
  if (!callback) {
    const known = message.callbacks.map((each) => each.status).join(', ') || 'none'
    throw new CustomerError(`status: no such callback was sent for this message (sent: ${known})`)
  }
  const once = () => engine.repeat(message, { ...callback }, callback.url)
  if (wanted.parallel) return Promise.all(Array.from({ length: wanted.times }, once))
  const outcomes: CallbackOutcome[] = []
  for (let sent = 0; sent < wanted.times; sent++) outcomes.push(await once())
  return outcomes
}

/** A form as an object; fields of several parts are given as JSON, and so may be the whole body (`curl -d '{…}'`). */
function readForm(raw: string): Record<string, unknown> {
  if (raw.trimStart().startsWith('{')) return JSON.parse(raw) as Record<string, unknown>
  const form = new URLSearchParams(raw)
  return Object.fromEntries(
    [...new Set(form.keys())].map((name) => {
      const values = form.getAll(name).map((value) => readField(name, value))
      return [name, values.length === 1 ? values[0] : values]
    }),
  )
}

function readField(name: string, value: string): unknown {
  const isStructured =
    ['media', 'location', 'raw', 'telesignRetryWaitsMs'].includes(name) && /^\s*[[{]/.test(value)
  return isStructured ? (JSON.parse(value) as unknown) : value
}
