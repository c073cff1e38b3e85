import { setTimeout as wait } from 'node:timers/promises'
import type { FastifyReply } from 'fastify'
import type { ProviderName } from './state.js'

export const faultModes = [
  'delay',
  'timeout_before_send',
  'timeout_after_send',
  'reset_after_send',
  'http_500',
  'http_429',
  'refuse',
  'malformed',
  'deliver_nothing',
  'fail_delivery',
  'reports_reversed',
  'report_before_answer',
  'report_twice',
  'lose_callback',
] as const
export type FaultMode = (typeof faultModes)[number]

export interface Fault {
  id: number
  provider: ProviderName | null
  accountId: string | null
  /** The customer's address. */
  to: string | null
  /**
   * `send` is the call that sends a message, `read` every other call of the provider's API, `callback` a call to the
   * business for a customer's message, which can only be lost.
   */
  on: 'send' | 'read' | 'callback'
  mode: FaultMode
  code: string | null
  delayMs: number | null
  /** For `http_429`: the header Retry-After. */
  retryAfterSeconds: number | null
  /** Calls it still applies to; null without end. */
  timesLeft: number | null
}

interface Call {
  provider: ProviderName
  accountId: string
  on: Fault['on']
  to?: string
}

/** How long a call hangs that is never answered, if the caller does not give up first. */
const hangMs = 60_000

export class Faults {
  private faults: Fault[] = []
  private nextId = 1

  list(): Fault[] {
    return this.faults
  }

  add(fault: Omit<Fault, 'id'>): Fault {
    const added = { ...fault, id: this.nextId++ }
    this.faults.push(added)
    return added
  }

  clear(): void {
    this.faults = []
  }

  /** The oldest fault that fits the call; counts it as used. */
  take(call: Call): Fault | null {
    const fault = this.faults.find((each) => fits(each, call))
    if (!fault) return null
    if (fault.timesLeft !== null) {
      fault.timesLeft -= 1
      if (fault.timesLeft === 0) this.faults = this.faults.filter((each) => each !== fault)
    }
    return fault
  }
}

function fits(fault: Fault, call: Call): boolean {
  if (fault.on !== call.on) return false
  if (fault.provider !== null && fault.provider !== call.provider) return false
  if (fault.accountId !== null && fault.accountId !== call.accountId) return false
  return fault.to === null || fault.to === call.to
}

/** How the provider at hand words its refusals. */
export interface ErrorAnswers {
  internal(reply: FastifyReply): unknown
  rateLimited(reply: FastifyReply): unknown
  refused(reply: FastifyReply, code: string | null): unknown
}

/** Plays the part of a fault that comes before the provider does anything. True where the call ends here. */
export async function faultBefore(
  fault: Fault | null,
  reply: FastifyReply,
  answers: ErrorAnswers,
): Promise<boolean> {
  switch (fault?.mode) {
    case 'delay':
      await wait(fault.delayMs ?? 1000)
      return false
    case 'timeout_before_send':
      hang(reply, fault)
      return true
    case 'http_500':
      answers.internal(reply)
      return true
    case 'http_429':
      if (fault.retryAfterSeconds !== null) reply.header('retry-after', fault.retryAfterSeconds)
      answers.rateLimited(reply)
      return true
    case 'refuse':
      answers.refused(reply, fault.code)
      return true
    default:
      return false
  }
}

/** Plays the part of a fault that comes after the provider has done its work. True where the call ends here. */
export function faultAfter(fault: Fault | null, reply: FastifyReply): boolean {
  switch (fault?.mode) {
    case 'timeout_after_send':
      hang(reply, fault)
      return true
    case 'reset_after_send':
      reply.hijack()
      reply.raw.socket?.resetAndDestroy()
      return true
    case 'malformed':
      void reply.code(200).type('text/html').send('<html><body>Bad Gateway</body>')
      return true
    default:
      return false
  }
}

function hang(reply: FastifyReply, fault: Fault): void {
  reply.hijack()
  const timer = setTimeout(() => reply.raw.destroy(), fault.delayMs ?? hangMs)
  reply.raw.on('close', () => clearTimeout(timer))
}
