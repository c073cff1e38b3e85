import { claimBeyond, claimCapacity } from '../conversations/capacity.js'
import { capacityOf } from '../conversations/change.js'
import type { OrgTx } from '../db/database.js'
import { chooseAgent, type Item } from './choose-agent.js'
import { type Candidate, type Demand, noRefusals, prefers, ruledOutBy, timesThatFit } from './rule-out.js'

type ByAgent = ReadonlyMap<string, ReadonlyMap<string, number>>

/** The agents who have room for something, in one pass: what each offer takes from them counts for the next. */
export class FreeAgents {
  private others: Candidate[] = []
  private known: { places: ByAgent; ratings: ByAgent } = { places: new Map(), ratings: new Map() }
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

  /**
   * @param places free places by capacity profile and agent
   * @param ratings by skill and agent
   */
  learn(places: ByAgent, ratings: ByAgent): void {
    this.known = { places, ratings }
    this.candidates.forEach(this.tell)
  }

  /** The others in their queues, who have no room: for the record of whom assignment looked at. */
  meet(members: readonly Candidate[]): void {
    const free = new Set(this.candidates.map(({ agentId }) => agentId))
    this.others = members.filter(({ agentId }) => !free.has(agentId))
    this.others.forEach(this.tell)
  }

  private readonly tell = ({ agentId, places, skills }: Candidate): void => {
    for (const [profileId, free] of this.known.places) places.set(profileId, free.get(agentId) ?? 0)
    for (const [skillId, rated] of this.known.ratings) skills.set(skillId, rated.get(agentId) ?? 0)
  }

  /** Everybody in the queue: those with room first. */
  considered(demand: Demand): Candidate[] {
    const others = this.others.filter(({ memberships }) => memberships.has(demand.queueId))
    return [...this.members(demand), ...others]
  }

  /** How many conversations that ask this they could take together. */
  roomFor(demand: Demand, now: Date): number {
    const able = this.members(demand).filter(
      (candidate) => ruledOutBy(demand, noRefusals, candidate, now).length === 0,
    )
    const times = (candidate: Candidate): number =>
      Math.max(prefers(demand, candidate) ? 1 : 0, timesThatFit(demand, candidate))
    return able.reduce((sum, candidate) => sum + times(candidate), 0)
  }

  /** Takes the capacity of whoever comes first; null where everybody is ruled out. */
  async claim(tx: OrgTx, item: Item, now: Date): Promise<string | null> {
    const { queueId, units, profileIds } = item.demand
    const capacity = capacityOf({ capacityProfileIds: [...profileIds] }, { capacityUnits: units })
    for (;;) {
      const chosen = chooseAgent(item, this.members(item.demand), now)
      if (!chosen) return null
      const { agentId } = chosen
      const claim = prefers(item.demand, chosen) ? claimBeyond : claimCapacity
      if (await claim(tx, { ...capacity, agentId, now }, [...item.demand.presences])) {
        chosen.freeUnits -= capacity.units
        chosen.freeSessions -= 1
        for (const id of profileIds) chosen.places.set(id, (chosen.places.get(id) ?? 0) - 1)
        chosen.lastAssignedAt = now
        const turn = chosen.memberships.get(queueId)
        if (turn) turn.lastAssignedAt = now
        return agentId
      }
      // Taken by a person, or gone, in the meantime
      chosen.presence = 'offline'
    }
  }

  private members({ queueId }: Demand): Candidate[] {
    return this.ofQueue.get(queueId) ?? []
  }
}
