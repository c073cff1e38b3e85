/**
 * Who may be offered a conversation, and what rules the others out (domain.md 5.5). One function for the engine, for the
 * record of why, and for trying: what it says is what happens.
 */
import { later, seconds } from '../lib/clock.js'
import type { RequiredSkill } from '../workstreams/classification.js'
import type { Preference } from './preference.js'

export const exclusions = [
  'not_in_queue',
  'presence',
  'capacity',
  'sessions',
  'skill',
  'not_preferred',
  'declined',
] as const
export type Exclusion = (typeof exclusions)[number]

/** An agent as assignment sees them. */
export interface Candidate {
  readonly agentId: string
  presence: string
  freeUnits: number
  /** How many more conversations they may have at a time */
  freeSessions: number
  /** A full capacity profile keeps everything away from them */
  isBlocked: boolean
  /** Free places by capacity profile */
  readonly places: Map<string, number>
  /** Ratings by skill */
  readonly skills: Map<string, number>
  lastAssignedAt: Date | null
  lastReleasedAt: Date | null
  /** By queue */
  readonly memberships: ReadonlyMap<string, Membership>
}

export interface Membership {
  joinedAt: Date
  /** In this queue, while it is assigned round robin */
  lastAssignedAt: Date | null
}

/** What a conversation asks of whoever takes it: the same for all of one line. */
export interface Demand {
  queueId: string
  units: number
  /** Of each of these it takes a place, instead of units */
  profileIds: readonly string[]
  presences: ReadonlySet<string>
  skills: readonly RequiredSkill[]
  skillMatching: 'exact' | 'closest' | 'none'
  preference: Preference
}

/** An agent's declines of one conversation. */
export interface Declines {
  /** 0 where the agent only gave it back */
  count: number
  lastAt: Date
}

export interface Refusals {
  byAgent: ReadonlyMap<string, Declines>
  /** After so many an agent is not asked again */
  limit: number
}

export const noRefusals: Refusals = { byAgent: new Map(), limit: 1 }

const declinePause = seconds(60)

/** Everything that keeps this agent from being offered it now; nothing where they may be. */
export function ruledOutBy(demand: Demand, refusals: Refusals, candidate: Candidate, now: Date): Exclusion[] {
  const declines = refusals.byAgent.get(candidate.agentId)
  const isPreferred = prefers(demand, candidate)
  const applies: Record<Exclusion, boolean> = {
    not_in_queue: !candidate.memberships.has(demand.queueId),
    presence: !demand.presences.has(candidate.presence),
    capacity: !isPreferred && (candidate.isBlocked || fitting(demand, candidate) < 1),
    sessions: candidate.freeSessions < 1,
    skill: !isPreferred && demand.skillMatching === 'exact' && shortfall(demand, candidate) > 0,
    not_preferred: demand.preference.isOnly && !isPreferred,
    declined:
      declines !== undefined &&
      (declines.count >= refusals.limit || later(declines.lastAt, declinePause) > now),
  }
  return exclusions.filter((exclusion) => applies[exclusion])
}

/** Of a preferred agent who is a member of the queue neither room nor skills are asked (domain.md 5.5). */
export const prefers = ({ preference }: Demand, { agentId }: Candidate): boolean =>
  preference.members.includes(agentId)

/** How much of what it takes an agent has free: units, or places of the fullest of its profiles. */
export const freeFor = ({ profileIds }: Demand, { freeUnits, places }: Candidate): number =>
  profileIds.length === 0 ? freeUnits : Math.min(...profileIds.map((id) => places.get(id) ?? 0))

const fitting = (demand: Demand, candidate: Candidate): number =>
  Math.floor(freeFor(demand, candidate) / (demand.profileIds.length === 0 ? demand.units : 1))

/** How often the agent could take the like of it. */
export const timesThatFit = (demand: Demand, candidate: Candidate): number =>
  Math.min(fitting(demand, candidate), candidate.freeSessions)

/** How far the agent is from the skills that it asks for, all together: 0 where they have them all, as well as asked. */
export const shortfall = ({ skills }: Demand, candidate: Candidate): number =>
  skills.reduce(
    (sum, { skillId, rating }) => sum + Math.max(0, rating - (candidate.skills.get(skillId) ?? 0)),
    0,
  )
