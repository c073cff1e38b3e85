/** How many calls to providers may be under way, and who gets the last places. */

export interface CallLimits {
  /** Of one */
  each: number
  /** Of all together */
  together: number
  /** So many of them are for those who have hardly any */
  kept: number
}

/** So many are hardly any. */
export const hardlyAny = 2

/**
 * How many more calls one may start that has `own` under way, where all have `all`. However many a few of them hold for
 * a slow provider, one that has hardly any finds a place.
 */
export function freePlaces(own: number, all: number, { each, together, kept }: CallLimits): number {
  const usual = Math.min(each - own, together - kept - all)
  const spared = Math.min(hardlyAny - own, together - all)
  return Math.max(usual, spared, 0)
}
