import { randomInt } from 'node:crypto'

/**
 * How long the torture may take in all, shared out among its files: `TORTURE_SECONDS=120 npm run torture` is what CI runs.
 * Unset, each takes the time that its promise names.
 */
const total = process.env['TORTURE_SECONDS']

export const isLimited = Boolean(total)

/** What one file may take, where the whole is limited. */
export const secondsFor = (share: number, unlimited: number): number =>
  total ? Math.min(Number(total) * share, unlimited) : unlimited

export const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

/** Numbers from 0 to 1 that come again with the same seed: `TORTURE_SEED=… npm run torture`. (mulberry32) */
export function replayable(what: string): () => number {
  let state = Number(process.env['TORTURE_SEED'] ?? randomInt(2 ** 31))
  say(`${what}: TORTURE_SEED=${state}`)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
