import type { z } from 'zod'
import { findContactsByAddresses } from '../contacts/matching.js'
import { assertCanSee } from '../conversations/access.js'
import type { Database, OrgTx } from '../db/database.js'
import type { Conversation, Workstream } from '../db/generated/client.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { newId } from '../lib/ids.js'
import { parsePhoneInput } from '../lib/phone-number.js'
import { getWorkstream } from '../workstreams/repository.js'
import { type Decision, decide, type Plan } from './decide.js'
import type { RoutingFacts } from './match-rules.js'
import { previewAssignment } from './preview.js'
import { findQueueStates } from './queue-state-repository.js'
import { type Considered, type Overflowed, type Routed, routedOf } from './record.js'
import { findRecord } from './record-repository.js'
import { type ContactFacts, findContactFacts, findPlans } from './repository.js'
import { classified, preferredBy, queuesOf } from './router.js'
import type { routingRecordSchema, tryBody } from './schemas.js'
import { findRoutingSettings } from './settings-repository.js'
import { findAgentNames, findDoor, getConversation, hasMembers } from './why-repository.js'

type Shown = z.infer<typeof routingRecordSchema>

/** Tells why a conversation went where it is, and where one would go. */
export class WhyService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** What was recorded; of what waits, whom assignment would look at now. */
  explain(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const row = await getConversation(tx, id)
      await assertCanSee(tx, caller, row)
      const { routed, offered, overflowed } = await findRecord(tx, id)
      const isWaiting = row.status === 'open' && row.queueId !== null && row.parkedReason === null
      const assignment = isWaiting
        ? await previewAssignment(tx, row, row.queueId ?? '', this.clock.now())
        : offered
      return this.show(tx, { row, routed, overflowed, assignment })
    })
  }

  /** Classification, rules and assignment for a customer who is not there. Creates nothing. */
  tryOut(caller: OrgCaller, workstreamId: string, body: z.infer<typeof tryBody>): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const workstream = await getWorkstream(tx, workstreamId)
      const now = body.at ? new Date(body.at) : this.clock.now()
      const id = newId()
      const facts = await factsFor(tx, workstream, body)
      const plan = (await findPlans(tx, [workstreamId])).get(workstreamId) as Plan
      const queues = await findQueueStates(tx, queuesOf(plan), now)
      const settings = await findRoutingSettings(tx)
      const decision = decide(plan, id, facts, { queues, ...settings })
      const row = { ...subjectOf(workstream, id, decision), ...preferredBy(settings, facts.contact) }
      const { queueId, outcome } = decision
      const status = outcome === 'queued' ? ('open' as const) : ('closed' as const)
      const assignment = status === 'open' ? await previewAssignment(tx, row, queueId, now) : null
      const routed = routedOf(decision, now)
      return this.show(tx, { row: { ...row, queueId, status }, routed, overflowed: null, assignment })
    })
  }

  private async show(
    tx: OrgTx,
    {
      row: { queueId, parkedReason, status },
      routed,
      overflowed,
      assignment,
    }: {
      row: Pick<Conversation, 'queueId' | 'parkedReason' | 'status'>
      routed: Routed | null
      overflowed: Overflowed | null
      assignment: Considered | null
    },
  ): Promise<Shown> {
    const { agents = [], preferred = [] } = assignment ?? {}
    const names = await findAgentNames(
      tx,
      [...agents, ...preferred].map(({ id }) => id),
    )
    const named = <Agent extends { id: string }>(agent: Agent) => ({
      ...agent,
      name: names.get(agent.id) ?? '',
    })
    const hasNobody = status === 'open' && queueId !== null && !(await hasMembers(tx, queueId))
    return {
      ...{ queueId, parkedReason, overflow: overflowed, routing: routed },
      problem: hasNobody ? 'queue_has_no_members' : null,
      assignment: assignment && { ...assignment, agents: agents.map(named), preferred: preferred.map(named) },
    }
  }
}

async function factsFor(
  tx: OrgTx,
  { id, channel, isBuiltIn }: Workstream,
  { customerAddress, text, context }: z.infer<typeof tryBody>,
): Promise<RoutingFacts & { contact: ContactFacts | null }> {
  const read = parsePhoneInput(customerAddress)
  const address = read.ok ? read.address : customerAddress
  const [door, found] = await Promise.all([
    findDoor(tx, { workstreamId: id, channel, isBuiltIn }),
    findContactsByAddresses(tx, channel, [address]),
  ])
  const [only, ...others] = found.get(address) ?? []
  const contactId = only && others.length === 0 ? only.id : null
  const contacts = await findContactFacts(tx, contactId ? [contactId] : [])
  return {
    ...{ customerAddress: address, channel, firstText: text, context },
    businessNumber: door?.address ?? '',
    provider: door?.provider ?? 'twilio',
    language: door?.language ?? 'en-US',
    authenticated: contactId !== null,
    contact: contacts.get(contactId ?? '') ?? null,
  }
}

/** What a new conversation would be as far as assignment asks. */
function subjectOf({ id: workstreamId, capacityProfileId }: Workstream, id: string, decision: Decision) {
  const fresh = {
    ...{ id, workstreamId, skills: null, priority: 100, context: {}, parkedReason: null },
    capacityProfileIds: capacityProfileId === null ? [] : [capacityProfileId],
  }
  return classified(fresh, decision)
}
