import type { Measured } from './figures.js'
import { median } from './statistics.js'

/**
 * Three are decided by one slow moment of the machine: of two places that are alike the p99 of one is then a tenth worse in
 * a third of all runs (docs/measurements.md)
 */
export const roundsToCompare = 7

/**
 * Measures one place after the other, and that several times: what changes on the machine meanwhile meets all of them.
 * @returns for each place the medians, with what each round found as `runs`
 */
export async function inTurn<Place>(
  places: readonly Place[],
  measure: (place: Place) => Promise<Measured[]>,
  rounds: number,
): Promise<Measured[][]> {
  const found = places.map((): Measured[][] => [])
  for (let round = 1; round <= rounds; round++) {
    for (const [index, place] of places.entries()) found[index]?.push(await measure(place))
  }
  return found.map(mediansOf)
}

/** Every round has measured the same figures, in the same order. */
function mediansOf(all: readonly Measured[][]): Measured[] {
  const [first = []] = all
  return first.map((measured, index) => {
    const each = all.flatMap((round) => round[index] ?? [])
    const middle = (of: (measured: Measured) => number | undefined) =>
      median(each.map((one) => of(one) ?? Number.NaN))
    const { limit, ratio, detail } = measured
    return {
      ...measured,
      value: middle(({ value }) => value),
      ...(limit && { limit: { ...limit, value: middle((one) => one.limit?.value) } }),
      ...(ratio !== undefined && { ratio: middle((one) => one.ratio) }),
      detail: { ...detail, runs: each.map(({ value }) => value) },
    }
  })
}
