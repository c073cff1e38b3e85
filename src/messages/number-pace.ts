/**
 * How fast a number sends: one message after the other, evenly, so that no second holds more than its rate, wherever
 * that second begins. A fast number may send a few at once, as many as are due in a twentieth of a second, so that it
 * need not be looked at for each. This is the generic cell rate algorithm; all that is kept of a number is one moment.
 */

export interface NumberPace {
  messagesPerSecond: number
  /** When it may send its next message; null: now */
  nextSendAt: Date | null
}

const atOnceMs = 50

const atOnce = (rate: number): number => Math.max(1, Math.floor((rate * atOnceMs) / 1000))

/** Milliseconds between two messages: a little more than by the rate, for those that may go at once count too. */
const spacing = (rate: number): number => 1000 / (rate - atOnce(rate) + 1)

/** How many messages it may send now. */
export function freeSlots({ messagesPerSecond: rate, nextSendAt }: NumberPace, now: Date): number {
  if (nextSendAt === null) return atOnce(rate)
  const idle = now.getTime() - nextSendAt.getTime()
  return idle < 0 ? 0 : Math.min(atOnce(rate), 1 + Math.floor(idle / spacing(rate)))
}

/** When it may send its next message, after it has sent so many now. */
export function nextSendAfter(
  { messagesPerSecond: rate, nextSendAt }: NumberPace,
  sent: number,
  now: Date,
): Date {
  // What was not used for longer than that is lost
  const earliest = now.getTime() - (atOnce(rate) - 1) * spacing(rate)
  const from = Math.max(nextSendAt?.getTime() ?? earliest, earliest)
  return new Date(Math.ceil(from + sent * spacing(rate)))
}
