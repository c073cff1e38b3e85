import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import { isDuplicate, isReferenceFault } from '../db/faults.js'
import type { NotificationTemplate } from '../db/generated/client.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { getWorkstream, lockWorkstream } from '../workstreams/repository.js'
import type { Slot } from './offer-terms.js'
import {
  deleteTemplate,
  findTemplateIds,
  getTemplate,
  insertTemplate,
  listSlots,
  listTemplates,
  replaceSlots,
  type TemplateFields,
  updateTemplate,
} from './repository.js'
import type {
  templateBody,
  templateSchema,
  workstreamNotificationsBody,
  workstreamNotificationsSchema,
} from './schemas.js'

type Shown = z.infer<typeof templateSchema>
type ShownSlots = z.infer<typeof workstreamNotificationsSchema>

const slotNames: Record<keyof ShownSlots, Slot> = {
  incomingAuthenticated: 'incoming_authenticated',
  incomingUnauthenticated: 'incoming_unauthenticated',
  transfer: 'transfer',
  consult: 'consult',
  supervisorAssign: 'supervisor_assign',
}

const nameTaken = (name: string) =>
  new AppError('conflict', `There is already a notification template with the name "${name}".`)

/** What agents' notifications show. What is changed holds for offers that are made from then on. */
export class NotificationTemplateService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  create(caller: OrgCaller, body: z.infer<typeof templateBody>): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const at = this.clock.now()
        const after = present(await insertTemplate(tx, fieldsOf(body), at))
        const entry = { action: 'notification_template.created', subjectId: after.id, at } as const
        await recordAudit(tx, caller, { ...entry, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(body.name) : error
      })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listTemplates(tx, page), page)
      return { data: data.map(present), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => present(await getTemplate(tx, id)))
  }

  /** The whole template in place of what it was. */
  replace(caller: OrgCaller, id: string, body: z.infer<typeof templateBody>): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const at = this.clock.now()
        await lockRow(tx, 'notification_templates', id)
        const before = present(await getTemplate(tx, id))
        await updateTemplate(tx, id, fieldsOf(body), at)
        const after = present(await getTemplate(tx, id))
        const entry = { action: 'notification_template.changed', subjectId: id, at } as const
        await recordAudit(tx, caller, { ...entry, before, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(body.name) : error
      })
  }

  /** Refused while a workstream uses it. */
  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.db
      .inOrg(caller, async (tx) => {
        await lockRow(tx, 'notification_templates', id)
        const before = present(await getTemplate(tx, id))
        await deleteTemplate(tx, id)
        const at = this.clock.now()
        const entry = { action: 'notification_template.deleted', subjectId: id, at } as const
        await recordAudit(tx, caller, { ...entry, before })
      })
      .catch((error) => {
        throw isReferenceFault(error)
          ? new AppError('conflict', 'This template cannot be deleted: a workstream uses it.')
          : error
      })
  }

  ofWorkstream(caller: OrgCaller, workstreamId: string): Promise<ShownSlots> {
    return this.db.inOrg(caller, async (tx) => {
      await getWorkstream(tx, workstreamId)
      return showSlots(tx, workstreamId)
    })
  }

  setOfWorkstream(
    caller: OrgCaller,
    workstreamId: string,
    body: z.infer<typeof workstreamNotificationsBody>,
  ): Promise<ShownSlots> {
    return this.db
      .inOrg(caller, async (tx) => {
        await lockWorkstream(tx, workstreamId)
        const chosen = entries(body).flatMap(([name, id]) => (id ? [[name, id] as const] : []))
        const known = await findTemplateIds(
          tx,
          chosen.map(([, id]) => id),
        )
        const lost = chosen.find(([, id]) => !known.has(id))
        if (lost) throw invalidField(lost[0], 'There is no such notification template.')
        const at = this.clock.now()
        const before = await showSlots(tx, workstreamId)
        await replaceSlots(
          tx,
          workstreamId,
          chosen.map(([name, id]) => [slotNames[name], id]),
        )
        const after = await showSlots(tx, workstreamId)
        const entry = { action: 'workstream.notifications_set', subjectId: workstreamId, at } as const
        await recordAudit(tx, caller, { ...entry, before, after })
        return after
      })
      .catch((error) => {
        throw isReferenceFault(error)
          ? new AppError('conflict', 'A template that this names was deleted at the same moment.')
          : error
      })
  }
}

const entries = (slots: ShownSlots) => Object.entries(slots) as [keyof ShownSlots, string | null][]

async function showSlots(tx: OrgTx, workstreamId: string): Promise<ShownSlots> {
  const chosen = await listSlots(tx, workstreamId)
  const of = (name: keyof ShownSlots) => chosen.get(slotNames[name]) ?? null
  return {
    incomingAuthenticated: of('incomingAuthenticated'),
    incomingUnauthenticated: of('incomingUnauthenticated'),
    transfer: of('transfer'),
    consult: of('consult'),
    supervisorAssign: of('supervisorAssign'),
  }
}

/** What has no text gets the usual one; a template that assigns by itself has no button to reject. */
function fieldsOf(body: z.infer<typeof templateBody>): TemplateFields {
  const { autoAssign, acceptText, rejectText } = body
  return {
    ...body,
    acceptText: acceptText ?? (autoAssign ? 'Open' : 'Accept'),
    rejectText: autoAssign || rejectText === null ? null : (rejectText ?? 'Reject'),
  }
}

const present = ({ orgId: _orgId, ...row }: NotificationTemplate): Shown => ({
  ...row,
  desktopNotification: row.desktopNotification as Shown['desktopNotification'],
  fields: row.fields as Shown['fields'],
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})
