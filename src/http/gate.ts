import type { FastifyInstance } from 'fastify'
import { AppError } from '../lib/errors.js'
import { sendProblem } from './problem.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler goes on for as long as the caller stays, and is not counted as work under way */
    staysOpen?: true
  }
}

// One for all: a trace of the stack for each would cost more than the rest of the refusal
const tooBusy = new AppError(
  'unavailable',
  'More is being asked of this service than it can do at this moment. Repeat the call.',
  { retryAfter: 2 },
)

/**
 * Lets so much work be under way at once and refuses the rest on the spot. More would only wait: longer than its caller
 * does, and in memory. What counts is the work, not the connection, so that a body that comes slowly takes no place.
 */
export class Gate {
  private inside = 0

  constructor(private readonly most: number) {}

  /** Throws `unavailable` where there is no place. */
  async pass<Result>(work: () => Result | Promise<Result>): Promise<Result> {
    if (this.isFull) throw tooBusy
    this.inside++
    try {
      return await work()
    } finally {
      this.inside--
    }
  }

  private get isFull(): boolean {
    return this.inside >= this.most
  }

  /**
   * Puts every handler of this scope behind the gate. While it is full nothing of a request is looked at, and nothing is
   * thrown: to refuse must cost less than to serve.
   */
  guard(app: FastifyInstance): void {
    app.addHook('onRequest', (request, reply, done) => {
      if (this.isFull) sendProblem(request, reply, tooBusy)
      else done()
    })
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
