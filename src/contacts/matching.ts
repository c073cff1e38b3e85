import type { OrgTx } from '../db/database.js'

/** A contact as other slices need it. */
export interface ContactSummary {
  id: string
  name: string
}

/**
 * The active contacts behind these addresses, by address: those whose mobile phone it is, on either channel, and those
 * who have it as an address of this channel.
 */
export async function findContactsByAddresses(
  tx: OrgTx,
  channel: 'sms' | 'whatsapp',
  addresses: readonly string[],
): Promise<Map<string, ContactSummary[]>> {
  const wanted = [...new Set(addresses)]
  const rows = await tx.$queryRaw<(ContactSummary & { address: string })[]>`
    SELECT mobile_phone AS address, id, name FROM contacts
    WHERE org_id = ${tx.orgId}::uuid AND active AND mobile_phone = ANY(${wanted})
    UNION
    SELECT a.address, c.id, c.name FROM contact_addresses a
    JOIN contacts c ON c.org_id = a.org_id AND c.id = a.contact_id
    WHERE a.org_id = ${tx.orgId}::uuid AND a.channel = ${channel}::channel AND a.address = ANY(${wanted}) AND c.active
    ORDER BY id`
  const found = new Map<string, ContactSummary[]>()
  for (const { address, ...contact } of rows) {
    const same = found.get(address)
    if (same) same.push(contact)
    else found.set(address, [contact])
  }
  return found
}
