import type { FastifyInstance } from 'fastify'
import { AppError } from '../lib/errors.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler goes on for as long as the caller stays, and is not counted as work under way */
    staysOpen?: true
  }
}

const comeBackAfterSeconds = 2

/**
 * Lets so much work be under way at once and refuses the rest on the spot. More would only wait: longer than its caller
 * does, and in memory. What counts is the work, not the connection, so that a body that comes slowly takes no place.
 */
export class Gate {
  private inside = 0

  constructor(private readonly most: number) {}

  /** Throws `unavailable` where there is no place. */
  assertOpen(): void {
    if (this.inside < this.most) return
    throw new AppError('unavailable', 'More is being asked of this service than it can do at this moment.', {
      retryAfter: comeBackAfterSeconds,
    })
  }

  async pass<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    this.assertOpen()
    this.inside++
    try {
      return await work()
    } finally {
      this.inside--
    }
  }

  /** Puts every handler of this scope behind the gate. While it is closed, nothing of a request is looked at. */
  guard(app: FastifyInstance): void {
    app.addHook('onRequest', async () => this.assertOpen())
    const pass = <Result>(work: () => Result) => this.pass(work)
    app.addHook('onRoute', (route) => {
      if (route.config?.staysOpen) return
      const { handler } = route
      route.handler = async function (request, reply) {
        return pass(() => handler.call(this, request, reply))
      }
    })
  }
}
