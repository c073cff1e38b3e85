import type { OrgTx } from './database.js'
import { gathered } from './gathered.js'

const left = gathered<Promise<unknown>>()

/**
 * For statements that were just sent and whose answers nobody needs: no round trip is spent on waiting for them. What is
 * sent after them sees what they wrote. The unit of work fails where one of them does, with its fault.
 */
export function atTheEnd(tx: OrgTx, ...answers: readonly Promise<unknown>[]): void {
  for (const answer of answers) answer.catch(() => undefined)
  left(tx).push(...answers)
}

/** What `atTheEnd` was told in this unit of work. */
export const leftForTheEnd = (tx: OrgTx): readonly Promise<unknown>[] => left(tx)
