/** What a queue does with conversations that it has no time or room for (domain.md 5.6). */
export interface Overflow {
  outOfHours?: OverflowAction | null | undefined
  itemLimit?: (OverflowAction & { limit: number }) | null | undefined
  waitingTime?: (OverflowAction & { minutes: number }) | null | undefined
}

export interface OverflowAction {
  action: 'queue_anyway' | 'other_queue' | 'end_conversation'
  /** The other queue */
  queueId?: string | undefined
}

/** Where it leads to. */
export const otherQueues = ({ outOfHours, itemLimit, waitingTime }: Overflow): string[] =>
  [outOfHours, itemLimit, waitingTime].flatMap((part) => part?.queueId ?? [])

export const waitingMinutes = (overflow: unknown): number | null =>
  (overflow as Overflow).waitingTime?.minutes ?? null
