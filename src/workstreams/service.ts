import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import { isDuplicate, isReferenceFault } from '../db/faults.js'
import type { Channel } from '../db/generated/enums.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { holdOperatingHours } from '../hours/hold.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { given } from '../lib/given.js'
import { newId } from '../lib/ids.js'
import {
  deleteChannel,
  findNumber,
  findWorkstreamOf,
  getChannel,
  insertChannel,
  listChannels,
  listNumbersOf,
  updateChannel,
} from './channel-repository.js'
import { presentChannel, presentWorkstream, type WrapUpBlock, wrapUpSeconds } from './present.js'
import { findQueueIds, getDefaultQueue } from './queue-repository.js'
import {
  deleteWorkstream,
  getWorkstream,
  hasCapacityProfile,
  insertWorkstream,
  listWorkstreams,
  lockWorkstream,
  updateWorkstream,
} from './repository.js'
import { presentRules } from './rule-present.js'
import { listRules } from './rule-repository.js'
import type {
  addChannelBody,
  changeChannelBody,
  changeWorkstreamBody,
  createWorkstreamBody,
} from './schemas.js'
import { wakeRouting } from './wake-routing.js'

type Shown = ReturnType<typeof presentWorkstream>
type ShownChannel = ReturnType<typeof presentChannel>

const leastSmsMinutes = 480

const stillUsed = (why: string) => new AppError('conflict', `This workstream cannot be deleted: ${why}.`)

/** Workstreams and their numbers. */
export class WorkstreamService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  create(caller: OrgCaller, body: z.infer<typeof createWorkstreamBody>): Promise<Shown> {
    const { wrapUpBlock, fallbackQueueId, ...fields } = body
    return this.db
      .inOrg(caller, async (tx) => {
        const now = this.clock.now()
        await assertProfile(tx, body.capacityProfileId)
        const row = await insertWorkstream(tx, {
          ...fields,
          id: newId(),
          wrapUpBlockSeconds: wrapUpSeconds(wrapUpBlock),
          fallbackQueueId: (await this.fallbackQueue(tx, fallbackQueueId)) ?? (await getDefaultQueue(tx)).id,
          createdAt: now,
          updatedAt: now,
        })
        const after = presentWorkstream(row)
        await recordAudit(tx, caller, { action: 'workstream.created', subjectId: row.id, at: now, after })
        return after
      })
      .catch((error) => {
        throw refusal(error, body.name)
      })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listWorkstreams(tx, page), page)
      return { data: data.map(presentWorkstream), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => presentWorkstream(await getWorkstream(tx, id)))
  }

  /** New durations and units hold for what happens from now on; what is at hand keeps those that it began with. */
  update(caller: OrgCaller, id: string, body: z.infer<typeof changeWorkstreamBody>): Promise<Shown> {
    const { name, autoCloseAfterMinutes, capacityUnits, capacityProfileId } = body
    const {
      keepSameAgent,
      skillMatching,
      wrapUpBlock,
      automaticMessages,
      fallbackQueueId,
      allowedPresences,
    } = body
    return this.db
      .inOrg(caller, async (tx) => {
        const now = this.clock.now()
        const before = presentWorkstream(await lockWorkstream(tx, id))
        if (before.channel === 'sms' && (autoCloseAfterMinutes ?? leastSmsMinutes) < leastSmsMinutes) {
          throw invalidField(
            'autoCloseAfterMinutes',
            `An SMS workstream closes waiting conversations after at least ${leastSmsMinutes} minutes (8 hours).`,
          )
        }
        await this.fallbackQueue(tx, fallbackQueueId)
        await assertProfile(tx, capacityProfileId)
        const lasting = { name, autoCloseAfterMinutes, capacityUnits, capacityProfileId }
        const fields = {
          ...lasting,
          keepSameAgent,
          skillMatching,
          automaticMessages,
          fallbackQueueId,
          allowedPresences,
        }
        await updateWorkstream(tx, id, { ...given(fields), ...wrapUpField(wrapUpBlock), updatedAt: now })
        wakeRouting(tx, now)
        const after = presentWorkstream(await getWorkstream(tx, id))
        await recordAudit(tx, caller, { action: 'workstream.changed', subjectId: id, at: now, before, after })
        return after
      })
      .catch((error) => {
        throw refusal(error, body.name)
      })
  }

  /** Refused for a built-in one, and while it has numbers or conversations. Its rules go with it. */
  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.db
      .inOrg(caller, async (tx) => {
        const row = await lockWorkstream(tx, id)
        if (row.isBuiltIn) throw stillUsed('it is the built-in one of its channel')
        const numbers = await listNumbersOf(tx, id)
        if (numbers.length > 0) throw stillUsed(`take its numbers out first (${numbers.join(', ')})`)
        const before = { ...presentWorkstream(row), ...presentRules(await listRules(tx, id)) }
        await deleteWorkstream(tx, id)
        const at = this.clock.now()
        await recordAudit(tx, caller, { action: 'workstream.deleted', subjectId: id, at, before })
      })
      .catch((error) => {
        throw isReferenceFault(error) ? stillUsed('it has conversations') : error
      })
  }

  channels(caller: OrgCaller, id: string, page: PageRequest): Promise<Page<ShownChannel>> {
    return this.db.inOrg(caller, async (tx) => {
      await getWorkstream(tx, id)
      const { data, nextCursor } = pageById(await listChannels(tx, id, page), page)
      return { data: data.map(presentChannel), nextCursor }
    })
  }

  /** Puts a number to work here. One that was put into no workstream is free, although the built-in one serves it. */
  addChannel(caller: OrgCaller, id: string, body: z.infer<typeof addChannelBody>): Promise<ShownChannel> {
    const { numberId, language, attachments, operatingHoursId } = body
    return this.db
      .inOrg(caller, async (tx) => {
        const { channel } = await getWorkstream(tx, id)
        const number = await findNumber(tx, numberId)
        if (!number) throw invalidField('numberId', 'There is no such number.')
        if (number.channel !== channel) throw otherChannel(number.channel, channel)
        await assertMayKeep(tx, channel, operatingHoursId)
        const owner = await findWorkstreamOf(tx, numberId)
        if (owner) throw numberTaken(owner.name)
        const settings = {
          language: canonicalLanguage(language),
          customerAttachments: attachments?.customer ?? false,
          agentAttachments: attachments?.agent ?? false,
          operatingHoursId,
        }
        const at = this.clock.now()
        const row = await insertChannel(tx, { ...settings, workstreamId: id, numberId }, at)
        const after = presentChannel({ ...row, number: number.address })
        await recordAudit(tx, caller, { action: 'workstream.channel_added', subjectId: id, at, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? numberTaken('another workstream') : error
      })
  }

  updateChannel(
    caller: OrgCaller,
    { id, channelId }: { id: string; channelId: string },
    { language, attachments, operatingHoursId }: z.infer<typeof changeChannelBody>,
  ): Promise<ShownChannel> {
    return this.db.inOrg(caller, async (tx) => {
      const place = { workstreamId: id, id: channelId }
      const at = this.clock.now()
      await lockRow(tx, 'workstream_channels', channelId)
      const before = presentChannel(await getChannel(tx, place))
      await assertMayKeep(tx, (await getWorkstream(tx, id)).channel, operatingHoursId)
      const change = {
        language: language && canonicalLanguage(language),
        customerAttachments: attachments?.customer,
        agentAttachments: attachments?.agent,
        operatingHoursId,
      }
      await updateChannel(tx, channelId, change, at)
      const after = presentChannel(await getChannel(tx, place))
      await recordAudit(tx, caller, {
        action: 'workstream.channel_changed',
        subjectId: id,
        at,
        before,
        after,
      })
      return after
    })
  }

  /** Gives the number back to the built-in workstream of its channel. */
  removeChannel(caller: OrgCaller, { id, channelId }: { id: string; channelId: string }): Promise<void> {
    return this.db.inOrg(caller, async (tx) => {
      await lockRow(tx, 'workstream_channels', channelId)
      const before = presentChannel(await getChannel(tx, { workstreamId: id, id: channelId }))
      await deleteChannel(tx, channelId)
      const at = this.clock.now()
      await recordAudit(tx, caller, { action: 'workstream.channel_removed', subjectId: id, at, before })
    })
  }

  private async fallbackQueue(tx: OrgTx, id: string | undefined): Promise<string | undefined> {
    if (id !== undefined && !(await findQueueIds(tx, [id])).has(id)) {
      throw invalidField('fallbackQueueId', 'There is no such queue.')
    }
    return id
  }
}

async function assertProfile(tx: OrgTx, id: string | null | undefined): Promise<void> {
  if (id && !(await hasCapacityProfile(tx, id))) {
    throw invalidField('capacityProfileId', 'There is no such capacity profile.')
  }
}

function refusal(error: unknown, name: string | undefined): unknown {
  if (isDuplicate(error))
    return new AppError('conflict', `There is already a workstream with the name "${name}".`)
  return isReferenceFault(error) ? queueWentAway() : error
}

const queueWentAway = () =>
  new AppError('conflict', 'A queue or a capacity profile that this names was deleted at the same moment.')

const wrapUpField = (block: WrapUpBlock | undefined) =>
  block === undefined ? {} : { wrapUpBlockSeconds: wrapUpSeconds(block) }

async function assertMayKeep(tx: OrgTx, channel: Channel, operatingHoursId: string | null | undefined) {
  if (channel === 'whatsapp' && operatingHoursId) {
    throw invalidField(
      'operatingHoursId',
      'A WhatsApp channel has no operating hours of its own. Give them to the queues of its conversations.',
    )
  }
  await holdOperatingHours(tx, operatingHoursId)
}

const numberTaken = (owner: string) =>
  new AppError('conflict', `This number already works in "${owner}". Take it out there first.`)

const otherChannel = (number: string, workstream: string) =>
  invalidField('numberId', `This is a number for ${number}; the workstream is for ${workstream}.`)

const canonicalLanguage = (tag: string): string => Intl.getCanonicalLocales(tag)[0] ?? tag
