import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { later } from '../../src/lib/clock.js'
import { freeSlots, nextSendAfter } from '../../src/messages/number-pace.js'

const start = new Date('2026-11-21T08:00:00.000Z')

/** Sends all that the pace allows at each of these moments, and answers when each message went. */
function sendAt(rate: number, moments: readonly number[]): number[] {
  const sent: number[] = []
  let nextSendAt: Date | null = null
  for (const moment of moments) {
    const now = later(start, moment)
    const pace = { messagesPerSecond: rate, nextSendAt }
    const count = freeSlots(pace, now)
    if (count > 0) nextSendAt = nextSendAfter(pace, count, now)
    sent.push(...Array<number>(count).fill(moment))
  }
  return sent
}

const every = (step: number, until: number) =>
  Array.from({ length: Math.floor(until / step) + 1 }, (_, index) => index * step)

const rates = fc.integer({ min: 1, max: 1000 })

describe('the pace of a number', () => {
  it.each([
    ['a long code', 1, 1],
    ['toll-free', 3, 1],
    ['WhatsApp', 80, 4],
    ['a short code', 100, 5],
  ])('%s may send at a moment what is due in a twentieth of a second, or one', (_, rate, count) => {
    expect(sendAt(rate, [0, 0, 0])).toEqual(Array(count).fill(0))
  })

  it('one message a second is one message a second', () => {
    expect(sendAt(1, [0, 1, 999, 1000, 1001, 1999, 2000, 7000, 7001])).toEqual([0, 1000, 2000, 7000])
  })

  it.each([1, 3, 7, 20, 80, 100])(
    '%i a second are reached, within a tenth, where it is looked at often',
    (rate) => {
      const sent = sendAt(rate, every(5, 10_000)).length

      expect(sent).toBeGreaterThanOrEqual(10 * rate * 0.9)
    },
  )

  it('no second holds more than the rate, wherever it begins and whenever it is looked at', () => {
    const pauses = fc.array(fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 2500 })), {
      minLength: 1,
      maxLength: 200,
    })
    fc.assert(
      fc.property(rates, pauses, (rate, pauses) => {
        let at = 0
        const sent = sendAt(
          rate,
          pauses.map((pause) => {
            at += pause
            return at
          }),
        )
        for (const [index, moment] of sent.entries()) {
          const next = sent[index + rate]
          if (next !== undefined) expect(next - moment).toBeGreaterThanOrEqual(1000)
        }
      }),
    )
  })

  it('a number that waits always gets its slot at the moment that was named', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 50 }), (rate, sent) => {
        const nextSendAt = nextSendAfter({ messagesPerSecond: rate, nextSendAt: null }, sent, start)
        const pace = { messagesPerSecond: rate, nextSendAt }

        expect(freeSlots(pace, nextSendAt)).toBeGreaterThanOrEqual(1)
        expect(freeSlots(pace, later(nextSendAt, -1))).toBe(0)
      }),
    )
  })

  it('a rate that is lowered holds from the next message on', () => {
    const nextSendAt = nextSendAfter({ messagesPerSecond: 100, nextSendAt: null }, 5, start)
    const slower = { messagesPerSecond: 1, nextSendAt }

    expect(nextSendAfter(slower, 1, later(start, 20))).toEqual(later(start, 1020))
  })
})
