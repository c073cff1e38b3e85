import { seconds } from '../../src/lib/clock.js'
import type { TestClock } from './clock.js'
import type { ChannelKind } from './organization.js'
import { type ReplyDesk, replyDesk } from './reply.js'
import { eventually, type TestService } from './service.js'
import { tellProvider } from './simulator.js'
import { runSql } from './sql.js'

/** What the delivery of a message stands at, as the database has it: the API does not show attempts and due times. */
export interface DeliveryRow {
  status: string
  attempts: number
  dueAt: Date | null
}

/** What tests of failing sends do. The service is asked for when it has started. */
export function troubledSending(serviceNow: () => TestService, clock: TestClock) {
  const rowOf = async (id: string): Promise<DeliveryRow> => {
    const [row] = await runSql<DeliveryRow>(
      serviceNow(),
      'SELECT status, attempts, due_at AS "dueAt" FROM messages WHERE id = $1',
      [id],
    )
    if (!row) throw new Error(`No message ${id}`)
    return row
  }
  return {
    rowOf,
    desk: (kind: ChannelKind) => replyDesk(serviceNow(), kind),
    fault: (at: ReplyDesk, mode: string, more: object = {}) =>
      tellProvider(serviceNow(), 'faults', { to: at.customer, mode, delayMs: 50, ...more }),
    reports: (on: boolean) => tellProvider(serviceNow(), 'settings', { reports: on }),
    /** The call is over and its answer was lost: the next look is due in a few seconds, not after the life of a call. */
    answerIsLost: (id: string, attempts = 1) =>
      eventually(
        () => rowOf(id),
        ({ status, attempts: made, dueAt }) =>
          status === 'sending' &&
          made === attempts &&
          (dueAt?.getTime() ?? 0) < clock.now().getTime() + seconds(25),
      ),
    /** Queued again after a refusal that passes, to be tried later. */
    isPutOff: (id: string, attempts: number) =>
      eventually(
        () => rowOf(id),
        ({ status, attempts: made }) => status === 'queued' && made === attempts,
      ),
  }
}
