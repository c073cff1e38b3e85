import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyPluginCallback } from 'fastify'
import { registerAccount } from './accounts.js'
import { customerRoutes } from './customer-routes.js'
import type { AccountRegistration } from './customer-schemas.js'
import { Engine } from './engine.js'
import { type MessageView, messageView } from './message-view.js'
import { telesignApi } from './telesign-api.js'
import { twilioApi } from './twilio-api.js'

export interface SimulatorOptions {
  host: string
  /** 0 takes a free one. */
  port: number
  /** Whether this is a production set-up, where a simulated provider must not exist. */
  production?: boolean
  log?: (line: string) => void
}

export interface Simulator {
  url: string
  /** For TWILIO_API_URL. */
  twilioApiUrl: string
  /** For TELESIGN_API_URL. */
  telesignApiUrl: string
  accounts: { add(registration: AccountRegistration): void }
  /** What the business has sent, oldest first. */
  sent(): MessageView[]
  stop(): Promise<void>
}

/**
 * Plays Twilio and Telesign on one port: their APIs below `/twilio` and `/telesign`, and beside them the door for
 * people and tests. Throws in production.
 */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  if (options.production) {
    throw new Error(
      'The provider simulator does not start in production: it would take real customers’ replies',
    )
  }
  const engine = new Engine(options.log ?? (() => undefined))
  const app = Fastify({ bodyLimit: 32 * 1024 * 1024, forceCloseConnections: true, exposeHeadRoutes: false })
  const page = readFileSync(new URL('./phone.html', import.meta.url), 'utf8')
  app.get('/', (_request, reply) => reply.type('text/html; charset=utf-8').send(page))
  await app.register(plugin((scope) => customerRoutes(scope, engine)))
  await app.register(
    plugin((scope) => twilioApi(scope, engine)),
    { prefix: '/twilio' },
  )
  await app.register(
    plugin((scope) => telesignApi(scope, engine)),
    { prefix: '/telesign' },
  )
  await app.listen({ host: options.host, port: options.port })

  const { port } = app.server.address() as AddressInfo
  const host = ['0.0.0.0', '::'].includes(options.host) ? 'localhost' : options.host
  engine.url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  return {
    url: engine.url,
    twilioApiUrl: `${engine.url}/twilio`,
    telesignApiUrl: `${engine.url}/telesign`,
    accounts: {
      add: (registration) => {
        registerAccount(engine.state, registration)
      },
    },
    sent: () =>
      [...engine.state.messages.values()]
        .filter((message) => message.direction === 'outbound' && !message.automatic)
        .map((message) => messageView(message, engine.state.media)),
    stop: async () => {
      engine.stop()
      await app.close()
    },
  }
}

function plugin(addRoutes: (scope: FastifyInstance) => void): FastifyPluginCallback {
  return (scope, _options, done) => {
    addRoutes(scope)
    done()
  }
}
