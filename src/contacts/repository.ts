import type { OrgTx } from '../db/database.js'
import type { Contact, Prisma } from '../db/generated/client.js'
import { olderThan, type PageRequest } from '../db/page.js'
import { notFound } from '../lib/errors.js'
import { given } from '../lib/given.js'
import { newId } from '../lib/ids.js'
import type { Address } from './addresses.js'

export type ContactRow = Contact

interface Fields {
  name: string
  mobilePhone: string | null
  email: string | null
  attributes: Record<string, string | number | boolean>
  active: boolean
  preferredAgentIds: string[]
}

export async function insertContact(tx: OrgTx, fields: Fields, now: Date): Promise<ContactRow> {
  return tx.contact.create({
    data: { ...fields, orgId: tx.orgId, id: newId(), createdAt: now, updatedAt: now },
  })
}

export async function getContact(tx: OrgTx, id: string): Promise<ContactRow> {
  const row = await tx.contact.findFirst({ where: { id } })
  if (!row) throw notFound('contact')
  return row
}

export interface ContactFilter {
  /** E.164 */
  mobilePhone: string | null
  /** A part of the name, the e-mail address or the phone number */
  text: string | null
}

/** One more than the page holds. */
export async function listContacts(
  tx: OrgTx,
  { mobilePhone, text }: ContactFilter,
  page: PageRequest,
): Promise<ContactRow[]> {
  const part = text === null ? null : { contains: escapeLike(text), mode: 'insensitive' as const }
  return tx.contact.findMany({
    where: {
      ...olderThan(page),
      ...(mobilePhone === null ? {} : { mobilePhone }),
      ...(part === null ? {} : { OR: [{ name: part }, { email: part }, { mobilePhone: part }] }),
    },
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  })
}

// Prisma hands the text to LIKE as it is
const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&')

export async function updateContact(
  tx: OrgTx,
  id: string,
  change: { [Name in keyof Fields]: Fields[Name] | undefined },
  now: Date,
): Promise<void> {
  const data: Prisma.ContactUncheckedUpdateManyInput = { ...given(change), updatedAt: now }
  await tx.contact.updateMany({ where: { id }, data })
}

/** Which of these agents there are. Agents are never deleted. */
export async function findAgentIds(tx: OrgTx, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const rows = await tx.agent.findMany({ where: { id: { in: [...ids] } }, select: { id: true } })
  return new Set(rows.map(({ id }) => id))
}

/** With its addresses. */
export async function deleteContact(tx: OrgTx, id: string): Promise<void> {
  await tx.contact.deleteMany({ where: { id } })
}

/** The addresses of these contacts, by contact, in their order. */
export async function findAddresses(
  tx: OrgTx,
  contactIds: readonly string[],
): Promise<Map<string, Address[]>> {
  const rows = await tx.contactAddress.findMany({
    where: { contactId: { in: [...contactIds] } },
    orderBy: [{ createdAt: 'asc' }, { channel: 'asc' }, { address: 'asc' }],
  })
  const found = new Map<string, Address[]>(contactIds.map((id) => [id, []]))
  for (const { contactId, channel, address } of rows) found.get(contactId)?.push({ channel, address })
  return found
}

export async function replaceAddresses(
  tx: OrgTx,
  contactId: string,
  addresses: readonly Address[],
  now: Date,
): Promise<void> {
  await tx.contactAddress.deleteMany({ where: { contactId } })
  await tx.contactAddress.createMany({
    data: addresses.map((address) => ({ ...address, orgId: tx.orgId, contactId, createdAt: now })),
    skipDuplicates: true,
  })
}
