import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import { isReferenceFault } from '../db/faults.js'
import { type Page, type PageRequest, pageById, toPage } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField, notFound } from '../lib/errors.js'
import { parsePhoneInput } from '../lib/phone-number.js'
import { doubtsAbout, storedAddress } from './addresses.js'
import { listOptOuts, optOutKey } from './opt-outs.js'
import { presentContact, presentOptOut } from './present.js'
import {
  type ContactRow,
  deleteContact,
  findAddresses,
  findAgentIds,
  getContact,
  insertContact,
  listContacts,
  replaceAddresses,
  updateContact,
} from './repository.js'
import type { changeContactBody, contactQuery, createContactBody } from './schemas.js'

type Shown = ReturnType<typeof presentContact>
type Written = Shown & { warnings: string[] }

/** The people that customers turn out to be. */
export class ContactService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  create(caller: OrgCaller, body: z.infer<typeof createContactBody>): Promise<Written> {
    const { name, email = null, attributes, active, preferredAgentIds } = body
    const mobilePhone = storedPhone(body.mobilePhone) ?? null
    return this.db.inOrg(caller, async (tx) => {
      const now = this.clock.now()
      await assertAgents(tx, preferredAgentIds)
      const fields = { name, mobilePhone, email, attributes, active, preferredAgentIds }
      const row = await insertContact(tx, fields, now)
      await replaceAddresses(tx, row.id, body.addresses.map(storedAddress), now)
      const after = await this.show(tx, row)
      await recordAudit(tx, caller, { action: 'contact.created', subjectId: row.id, at: now, after })
      return written(after)
    })
  }

  list(caller: OrgCaller, query: z.infer<typeof contactQuery>): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const filter = { mobilePhone: storedPhone(query.mobilePhone) ?? null, text: query.q ?? null }
      const { data, nextCursor } = pageById(await listContacts(tx, filter, query), query)
      const addresses = await findAddresses(
        tx,
        data.map(({ id }) => id),
      )
      return { data: data.map((row) => presentContact(row, addresses.get(row.id) ?? [])), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => this.show(tx, await getContact(tx, id)))
  }

  /** Attributes and addresses are replaced as a whole where they are given. */
  update(caller: OrgCaller, id: string, body: z.infer<typeof changeContactBody>): Promise<Written> {
    const { addresses, name, email, attributes, active, preferredAgentIds } = body
    const mobilePhone = storedPhone(body.mobilePhone)
    return this.db
      .inOrg(caller, async (tx) => {
        const now = this.clock.now()
        await lockRow(tx, 'contacts', id)
        const before = await this.show(tx, await getContact(tx, id))
        await assertAgents(tx, preferredAgentIds)
        const change = { name, mobilePhone, email, attributes, active, preferredAgentIds }
        await updateContact(tx, id, change, now)
        if (addresses) await replaceAddresses(tx, id, addresses.map(storedAddress), now)
        const after = await this.show(tx, await getContact(tx, id))
        await recordAudit(tx, caller, { action: 'contact.changed', subjectId: id, at: now, before, after })
        return written(after)
      })
      .catch((error) => {
        // Somebody deleted it at the same moment
        throw isReferenceFault(error) ? notFound('contact') : error
      })
  }

  /** Refused while a conversation is linked to it, so that what was said keeps its name. */
  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.db
      .inOrg(caller, async (tx) => {
        await lockRow(tx, 'contacts', id)
        const before = await this.show(tx, await getContact(tx, id))
        await deleteContact(tx, id)
        const at = this.clock.now()
        await recordAudit(tx, caller, { action: 'contact.deleted', subjectId: id, at, before })
      })
      .catch((error) => {
        throw isReferenceFault(error) ? stillLinked() : error
      })
  }

  optOuts(caller: OrgCaller, page: PageRequest): Promise<Page<ReturnType<typeof presentOptOut>>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = toPage(await listOptOuts(tx, page), page.limit, optOutKey)
      return { data: data.map(presentOptOut), nextCursor }
    })
  }

  private async show(tx: OrgTx, row: ContactRow): Promise<Shown> {
    return presentContact(row, (await findAddresses(tx, [row.id])).get(row.id) ?? [])
  }
}

async function assertAgents(tx: OrgTx, ids: readonly string[] = []): Promise<void> {
  const known = await findAgentIds(tx, ids)
  const lost = ids.findIndex((id) => !known.has(id))
  if (lost >= 0) throw invalidField(`preferredAgentIds.${lost}`, 'There is no such agent.')
}

const written = (shown: Shown): Written => ({
  ...shown,
  warnings: doubtsAbout(shown.mobilePhone, shown.addresses),
})

/** In E.164; null and undefined stay what they are. */
function storedPhone(input: string | null | undefined): string | null | undefined {
  if (!input) return input === undefined ? undefined : null
  const read = parsePhoneInput(input)
  return read.ok ? read.address : input
}

const stillLinked = () =>
  new AppError(
    'conflict',
    'This contact is linked to conversations. Set "active" to false so that it no longer matches, or unlink them first.',
  )
