import type { z } from 'zod'
import {
  assertPermitted,
  type SupervisionSettings,
} from '../conversations/supervision-settings-repository.js'
import type { Database, OrgTx } from '../db/database.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { emit } from '../events/outbox.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { invalidField } from '../lib/errors.js'
import { presentBulkAction, presentItem } from './present.js'
import { getBulkAction, insertBulkAction, listBulkActions, listItems } from './repository.js'
import type { BulkWork, bulkActionBody, bulkActionItemSchema, bulkActionSchema } from './schemas.js'

type Shown = z.infer<typeof bulkActionSchema>
type ShownItem = z.infer<typeof bulkActionItemSchema>

/** Which switch of the organization's it needs: whoever may not join a conversation says nothing in it either. */
const switchFor = {
  assign: 'assign',
  force_close: 'forceClose',
  message_customer: 'monitor',
  notify_agents: 'monitor',
} as const satisfies Record<BulkWork['type'], keyof SupervisionSettings>

/** What supervisors ask to be done with many conversations, and the log of it. The worker does it. */
export class BulkActionService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  create(caller: OrgCaller, { conversationIds, action }: z.infer<typeof bulkActionBody>): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      await assertPermitted(tx, caller, switchFor[action.type])
      await assertTarget(tx, action)
      const at = this.clock.now()
      const { role, agentId, agentName } = caller
      const author = { role, agentId, authorName: agentName ?? role }
      const after = presentBulkAction(
        await insertBulkAction(tx, { action, ...author, createdAt: at }, conversationIds),
      )
      const { text: _, ...kept } = after.action
      const entry = { action: 'bulk_action.created', subjectId: after.id, at } as const
      await recordAudit(tx, caller, { ...entry, after: { ...after, action: kept, conversationIds } })
      emit(tx, [{ type: 'bulk_action.wanted', at, queueId: null, agentIds: [], data: {} }])
      return after
    })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const action = 'organization.bulk_actions_read'
      await recordAudit(tx, caller, { action, subjectId: caller.orgId, at: this.clock.now() })
      const { data, nextCursor } = pageById(await listBulkActions(tx, page, authorFor(caller)), page)
      return { data: data.map(presentBulkAction), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const row = await getBulkAction(tx, id, authorFor(caller))
      await recordAudit(tx, caller, { action: 'bulk_action.read', subjectId: id, at: this.clock.now() })
      return presentBulkAction(row)
    })
  }

  items(caller: OrgCaller, id: string, page: PageRequest): Promise<Page<ShownItem>> {
    return this.db.inOrg(caller, async (tx) => {
      await getBulkAction(tx, id, authorFor(caller))
      const { data, nextCursor } = pageById(await listItems(tx, id, page), page)
      return { data: data.map(presentItem), nextCursor }
    })
  }
}

/** Admins see those of all, and so does a supervisor's key that names no agent. */
const authorFor = ({ role, agentId }: OrgCaller): string | null => (role === 'supervisor' ? agentId : null)

async function assertTarget(tx: OrgTx, action: BulkWork): Promise<void> {
  if (action.type !== 'assign') return
  const { agentId, queueId } = action
  if (agentId && (await tx.agent.count({ where: { id: agentId } })) === 0)
    throw invalidField('action.agentId', 'There is no such agent.')
  if (queueId && (await tx.queue.count({ where: { id: queueId } })) === 0)
    throw invalidField('action.queueId', 'There is no such queue.')
}
