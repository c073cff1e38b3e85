import type { Database, OrgTx } from '../db/database.js'
import { isDuplicate, isReferenceFault } from '../db/faults.js'
import type { Channel, NumberType } from '../db/generated/enums.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { given } from '../lib/given.js'
import { newId } from '../lib/ids.js'
import { parsePhoneInput } from '../lib/phone-number.js'
import { holdAccount, isChannelEnabled } from './account-repository.js'
import { channelDisabled } from './account-service.js'
import { presentNumber } from './number-present.js'
import {
  defaultLanguage,
  deletePlace,
  findPlaces,
  findWorkstream,
  getBuiltInWorkstream,
  getNumber,
  insertNumber,
  insertPlace,
  listNumbers,
  type NumberRow,
  updateNumber,
} from './number-repository.js'

export interface NewNumber {
  accountId: string
  /** Digits, with or without a plus */
  number: string
  /** SMS only */
  type?: NumberType | undefined
  name?: string | null | undefined
  description?: string | null | undefined
  messagesPerSecond?: number | undefined
  workstreamId?: string | undefined
  /** BCP 47 */
  language?: string | undefined
}

export type NumberChange = Pick<NewNumber, 'type' | 'name' | 'description' | 'messagesPerSecond'>

type Shown = ReturnType<typeof presentNumber>
type Written = Shown & { warnings: string[] }

/** What providers allow by default. */
const defaultRate: Record<NumberType, number> = { long_code: 1, short_code: 100, toll_free: 3 }
const whatsappRate = 80

const rateOf = (type: NumberType | null): number => (type ? defaultRate[type] : whatsappRate)

/** The numbers of channel accounts. */
export class ChannelNumberService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** Puts the number to work at once: in the workstream that is named, or in the built-in one of its channel. */
  async create(caller: OrgCaller, number: NewNumber): Promise<Written> {
    const { address, warning } = readNumber(number.number, number.type)
    return this.db
      .inOrg(caller, async (tx) => {
        const now = this.clock.now()
        const account = await holdAccount(tx, number.accountId)
        if (!account) throw invalidField('accountId', 'There is no such channel account.')
        const { channel } = account
        const type = typeFor(channel, number)
        if (!(await isChannelEnabled(tx, channel))) throw channelDisabled(channel)
        const row = await insertNumber(tx, {
          id: newId(),
          accountId: account.id,
          channel,
          address,
          type,
          name: number.name ?? null,
          description: number.description ?? null,
          messagesPerSecond: number.messagesPerSecond ?? rateOf(type),
          createdAt: now,
          updatedAt: now,
        })
        await this.place(tx, row, number)
        const after = await this.present(tx, row)
        await recordAudit(tx, caller, {
          action: 'channel_number.created',
          subjectId: row.id,
          at: now,
          after,
        })
        return { ...after, warnings: warning ? [warning] : [] }
      })
      .catch((error) => {
        throw refusal(error, address)
      })
  }

  list(caller: OrgCaller, query: PageRequest & { accountId?: string | undefined }): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listNumbers(tx, query), query)
      const places = await findPlaces(tx, data)
      return { data: data.map((row) => presentNumber(row, placeIn(places, row))), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => this.present(tx, await getNumber(tx, id)))
  }

  /** A number that becomes a short code is written without its plus from then on, and the other way round. */
  update(caller: OrgCaller, id: string, change: NumberChange): Promise<Written> {
    let address = ''
    return this.db
      .inOrg(caller, async (tx) => {
        const at = this.clock.now()
        await lockRow(tx, 'channel_numbers', id)
        const row = await getNumber(tx, id)
        const before = await this.present(tx, row)
        const { channel, messagesPerSecond } = row
        const type = typeFor(channel, {
          type: change.type ?? row.type ?? undefined,
          name: change.name === undefined ? row.name : change.name,
        })
        const written = readNumber(row.address, type ?? undefined)
        address = written.address
        const isDefaultRate = messagesPerSecond === rateOf(row.type)
        await updateNumber(tx, id, {
          ...given({ name: change.name, description: change.description }),
          type,
          address,
          messagesPerSecond: change.messagesPerSecond ?? (isDefaultRate ? rateOf(type) : messagesPerSecond),
          updatedAt: at,
        })
        const after = await this.present(tx, await getNumber(tx, id))
        await recordAudit(tx, caller, { action: 'channel_number.changed', subjectId: id, at, before, after })
        return { ...after, warnings: written.warning ? [written.warning] : [] }
      })
      .catch((error) => {
        throw refusal(error, address)
      })
  }

  /** Nothing more is sent from it. Its conversations stay readable and close by themselves. */
  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.db.inOrg(caller, async (tx) => {
      await lockRow(tx, 'channel_numbers', id)
      const before = await this.present(tx, await getNumber(tx, id))
      await deletePlace(tx, id)
      const now = this.clock.now()
      await updateNumber(tx, id, { deletedAt: now, updatedAt: now })
      await recordAudit(tx, caller, { action: 'channel_number.deleted', subjectId: id, at: now, before })
    })
  }

  private async place(tx: OrgTx, { id, channel }: NumberRow, { workstreamId, language }: NewNumber) {
    if (workstreamId === undefined && language === undefined) return
    const workstream =
      workstreamId === undefined
        ? await getBuiltInWorkstream(tx, channel)
        : await findWorkstream(tx, workstreamId)
    if (!workstream) throw invalidField('workstreamId', 'There is no such workstream.')
    if (workstream.channel !== channel) throw otherChannel(channel, workstream.channel)
    const place = { workstreamId: workstream.id, language: canonicalLanguage(language ?? defaultLanguage) }
    await insertPlace(tx, { ...place, numberId: id }, this.clock.now())
  }

  private async present(tx: OrgTx, row: NumberRow): Promise<Shown> {
    return presentNumber(row, placeIn(await findPlaces(tx, [row]), row))
  }
}

function placeIn(places: Awaited<ReturnType<typeof findPlaces>>, { id }: NumberRow) {
  const place = places.get(id)
  if (!place) throw new Error(`Number ${id} has no place`)
  return place
}

function readNumber(
  number: string,
  type: NumberType | undefined,
): { address: string; warning: string | null } {
  const read = parsePhoneInput(number, { shortCode: type === 'short_code' })
  if (!read.ok) throw invalidField('number', read.message)
  return read
}

/** SMS numbers have a type, WhatsApp numbers a name. */
function typeFor(channel: Channel, { type, name }: Pick<NewNumber, 'type' | 'name'>): NumberType | null {
  if (channel === 'sms') return type ?? 'long_code'
  if (type !== undefined) throw invalidField('type', 'Only SMS numbers have a type. Leave it out.')
  if (!name) throw invalidField('name', 'A WhatsApp number needs a name.')
  return null
}

function refusal(error: unknown, address: string): unknown {
  if (isDuplicate(error)) {
    return new AppError('conflict', `Your organization already has the number ${address} on this channel.`)
  }
  if (!isReferenceFault(error)) return error
  return new AppError('conflict', 'The account or the workstream was deleted at the same moment.')
}

const otherChannel = (number: Channel, workstream: Channel) =>
  invalidField('workstreamId', `This workstream is for ${workstream}; the number is for ${number}.`)

const canonicalLanguage = (tag: string): string => Intl.getCanonicalLocales(tag)[0] ?? tag
