import { capacityOf } from '../conversations/change.js'
import type { OrgTx } from '../db/database.js'
import type { Conversation } from '../db/generated/client.js'
import { findRatings } from '../skills/repository.js'
import type { RequiredSkill } from '../workstreams/classification.js'
import { chooseAgent, type Item } from './choose-agent.js'
import { FreeAgents } from './free-agents.js'
import { preferenceOf } from './preference.js'
import { type Considered, consider } from './record.js'
import { findHistories, findMembers, findPlaces } from './repository.js'
import { findRoutingSettings } from './settings-repository.js'
import { findAssignmentTerms } from './why-repository.js'

type Subject = Pick<
  Conversation,
  'id' | 'workstreamId' | 'capacityProfileIds' | 'skills' | 'preferredAgentIds'
>

/**
 * Whom assignment would choose at this moment, and what rules the others out, as `Pass` would see it. Null where the
 * workstream is for picking: nothing is offered then.
 */
export async function previewAssignment(
  tx: OrgTx,
  subject: Subject,
  queueId: string,
  now: Date,
): Promise<Considered | null> {
  const skills = (subject.skills ?? []) as unknown as RequiredSkill[]
  const [terms, members, places, ratings, histories, settings] = await Promise.all([
    findAssignmentTerms(tx, { workstreamId: subject.workstreamId, queueId }),
    findMembers(tx, [queueId]),
    findPlaces(tx, subject.capacityProfileIds),
    findRatings(
      tx,
      skills.map(({ skillId }) => skillId),
    ),
    findHistories(tx, [subject.id]),
    findRoutingSettings(tx),
  ])
  if (!terms || terms.distribution === 'pick') return null
  const free = new FreeAgents(members)
  free.learn(places, ratings)
  const history = histories.get(subject.id)
  const profileIds = subject.capacityProfileIds.filter((id) => places.has(id))
  const { units } = capacityOf({ capacityProfileIds: profileIds }, { capacityUnits: terms.units })
  const item: Item = {
    demand: {
      ...{
        queueId,
        units,
        profileIds,
        presences: new Set(terms.presences),
        skillMatching: terms.skillMatching,
      },
      skills: skills.filter(({ skillId }) => ratings.has(skillId)),
      preference: preferenceOf({
        mode: settings.preferredAgents,
        named: subject.preferredAgentIds,
        members: subject.preferredAgentIds.filter((id) => members.some(({ agentId }) => agentId === id)),
      }),
    },
    method: terms.method,
    lastAgentId: terms.keepSameAgent ? (history?.lastAgentId ?? null) : null,
    refusals: { byAgent: history?.declines ?? new Map(), limit: settings.declineLimit },
  }
  const chosen = chooseAgent(item, members, now)
  return { ...consider(item, free.considered(item.demand), now), agentId: chosen?.agentId ?? null }
}
