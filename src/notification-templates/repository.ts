import type { OrgTx } from '../db/database.js'
import { type NotificationTemplate, Prisma } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'
import type { Slot } from './offer-terms.js'

export type TemplateFields = Omit<
  Prisma.NotificationTemplateUncheckedCreateInput,
  'orgId' | 'id' | 'createdAt' | 'updatedAt'
>

export async function insertTemplate(
  tx: OrgTx,
  fields: TemplateFields,
  now: Date,
): Promise<NotificationTemplate> {
  return tx.notificationTemplate.create({
    data: { ...fields, orgId: tx.orgId, id: newId(), createdAt: now, updatedAt: now },
  })
}

export async function getTemplate(tx: OrgTx, id: string): Promise<NotificationTemplate> {
  const row = await tx.notificationTemplate.findFirst({ where: { id } })
  if (!row) throw notFound('notification template')
  return row
}

export async function listTemplates(tx: OrgTx, page: PageRequest): Promise<NotificationTemplate[]> {
  return tx.notificationTemplate.findMany({
    where: olderThan(page),
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  })
}

export async function updateTemplate(
  tx: OrgTx,
  id: string,
  fields: TemplateFields,
  now: Date,
): Promise<void> {
  await tx.notificationTemplate.updateMany({ where: { id }, data: { ...fields, updatedAt: now } })
}

export async function deleteTemplate(tx: OrgTx, id: string): Promise<void> {
  await tx.notificationTemplate.deleteMany({ where: { id } })
}

/** The template of each slot that has one. */
export async function listSlots(tx: OrgTx, workstreamId: string): Promise<Map<string, string>> {
  const rows = await tx.workstreamNotification.findMany({ where: { workstreamId } })
  return new Map(rows.map(({ slot, templateId }) => [slot, templateId]))
}

export async function replaceSlots(
  tx: OrgTx,
  workstreamId: string,
  slots: readonly (readonly [Slot, string])[],
): Promise<void> {
  await tx.workstreamNotification.deleteMany({ where: { workstreamId } })
  await tx.workstreamNotification.createMany({
    data: slots.map(([slot, templateId]) => ({ orgId: tx.orgId, workstreamId, slot, templateId })),
  })
}

/** Which of these templates there are. */
export async function findTemplateIds(tx: OrgTx, ids: readonly string[]): Promise<Set<string>> {
  const rows = await tx.notificationTemplate.findMany({
    where: { id: { in: [...ids] } },
    select: { id: true },
  })
  return new Set(rows.map(({ id }) => id))
}

/** The templates of a workstream `w` by slot, as an expression of a query over workstreams. */
export const offerTemplatesOf = Prisma.sql`(
  SELECT jsonb_object_agg(s.slot, jsonb_build_object('title', n.title, 'icon', n.icon, 'showTimeout', n.show_timeout,
    'countdownSeconds', n.countdown_seconds, 'autoAssign', n.auto_assign, 'autoAccept', n.auto_accept,
    'acceptText', n.accept_text, 'rejectText', n.reject_text, 'desktopNotification', n.desktop_notification,
    'fields', n.fields))
  FROM workstream_notifications s JOIN notification_templates n ON n.org_id = s.org_id AND n.id = s.template_id
  WHERE s.org_id = w.org_id AND s.workstream_id = w.id) AS "offerTemplates"`
