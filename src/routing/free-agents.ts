import { claimCapacity } from '../conversations/capacity.js'
import { capacityOf } from '../conversations/change.js'
import type { OrgTx } from '../db/database.js'
import { chooseAgent, type Item } from './choose-agent.js'
import { type Candidate, type Demand, noRefusals, ruledOutBy, timesThatFit } from './rule-out.js'

/** The agents who have room for something, in one pass: what each offer takes from them counts for the next. */
export class FreeAgents {
  private readonly ofQueue = new Map<string, Candidate[]>()

  constructor(private readonly candidates: readonly Candidate[]) {
    for (const candidate of candidates) {
      for (const queueId of candidate.memberships.keys()) {
        const others = this.ofQueue.get(queueId)
        if (others) others.push(candidate)
        else this.ofQueue.set(queueId, [candidate])
      }
    }
  }

  get queueIds(): string[] {
    return [...this.ofQueue.keys()]
  }

  /** @param byProfile free places by profile and agent */
  learnPlaces(byProfile: ReadonlyMap<string, ReadonlyMap<string, number>>): void {
    for (const [profileId, places] of byProfile) {
      for (const { agentId, places: own } of this.candidates) own.set(profileId, places.get(agentId) ?? 0)
    }
  }

  /** How many conversations that ask this they could take together. */
  roomFor(demand: Demand, now: Date): number {
    const able = this.members(demand).filter(
      (candidate) => ruledOutBy(demand, noRefusals, candidate, now).length === 0,
    )
    return able.reduce((sum, candidate) => sum + timesThatFit(demand, candidate), 0)
  }

  /** Takes the capacity of whoever comes first; null where everybody is ruled out. */
  async claim(tx: OrgTx, item: Item, now: Date): Promise<string | null> {
    const { queueId, units, profileIds } = item.demand
    const capacity = capacityOf({ capacityProfileIds: [...profileIds] }, { capacityUnits: units })
    for (;;) {
      const chosen = chooseAgent(item, this.members(item.demand), now)
      if (!chosen) return null
      const { agentId } = chosen
      if (await claimCapacity(tx, { ...capacity, agentId, now })) {
        chosen.freeUnits -= capacity.units
        for (const id of profileIds) chosen.places.set(id, (chosen.places.get(id) ?? 0) - 1)
        chosen.lastAssignedAt = now
        const turn = chosen.memberships.get(queueId)
        if (turn) turn.lastAssignedAt = now
        return agentId
      }
      // Taken by a person, or gone, in the meantime
      chosen.freeUnits = 0
      chosen.places.clear()
    }
  }

  private members({ queueId }: Demand): Candidate[] {
    return this.ofQueue.get(queueId) ?? []
  }
}
