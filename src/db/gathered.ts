import type { OrgTx } from './database.js'

/**
 * What a unit of work gathers on its way, for its end: `const stepsOf = gathered<Step>()` answers this unit's list. It stands
 * on the unit and goes with it: what a WeakMap holds, V8 keeps over the next collection of young objects and may make old.
 */
export function gathered<Item>(): (tx: OrgTx) => Item[] {
  const key = Symbol('gathered')
  return (tx) => {
    const known = tx.gathered.get(key) as Item[] | undefined
    if (known) return known
    const begun: Item[] = []
    tx.gathered.set(key, begun)
    return begun
  }
}
