import { noPreference } from '../../src/routing/preference.js'
import type { Candidate, Declines, Demand, Refusals } from '../../src/routing/rule-out.js'

export const now = new Date('2026-11-21T12:00:00.000Z')
export const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000)

/** An available member of the queue "support" with room for one. */
export function candidate(
  agentId: string,
  given: Partial<Candidate> & { queues?: string[]; joinedAt?: Date; turn?: Date } = {},
): Candidate {
  const { queues = ['support'], joinedAt = ago(90_000), turn = null, ...rest } = given
  return {
    agentId,
    presence: 'available',
    freeUnits: 1,
    freeSessions: 10,
    isBlocked: false,
    places: new Map(),
    skills: new Map(),
    lastAssignedAt: null,
    lastReleasedAt: null,
    memberships: new Map(queues.map((id) => [id, { joinedAt, lastAssignedAt: turn }])),
    ...rest,
  }
}

export const demand = (given: Partial<Demand> = {}): Demand => ({
  queueId: 'support',
  units: 1,
  profileIds: [],
  presences: new Set(['available']),
  skills: [],
  skillMatching: 'exact',
  preference: noPreference,
  ...given,
})

export const refusals = (byAgent: Record<string, Declines> = {}, limit = 3): Refusals => ({
  byAgent: new Map(Object.entries(byAgent)),
  limit,
})
