import type { z } from 'zod'
import type { Database, OrgTx } from '../db/database.js'
import { isDuplicate } from '../db/faults.js'
import type { Channel } from '../db/generated/enums.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { given } from '../lib/given.js'
import type { ActiveTriggers } from './active-triggers.js'
import { presentAutomaticMessage } from './present.js'
import {
  deleteAutomaticMessage,
  getAutomaticMessage,
  holdWorkstreamChannel,
  insertAutomaticMessage,
  listAutomaticMessages,
  updateAutomaticMessage,
} from './repository.js'
import type { changeAutomaticMessageBody, createAutomaticMessageBody } from './schemas.js'
import { defaultTexts, type Texts } from './texts.js'

type Shown = ReturnType<typeof presentAutomaticMessage>

const exists = () =>
  new AppError('conflict', 'There already is a message for this trigger there. Change that one.')

/** What admins want said by itself. A change holds from the next step on; what was queued before is sent as it is. */
export class AutomaticMessageService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
    private readonly active: ActiveTriggers,
  ) {}

  create(caller: OrgCaller, body: z.infer<typeof createAutomaticMessageBody>): Promise<Shown> {
    return this.change(caller, async (tx, at) => {
      await this.assertPlace(tx, body.channel, body.workstreamChannelId)
      const defaultLanguage = canonical(body.defaultLanguage)
      const texts = body.texts ? canonicalKeys(body.texts) : { en: defaultTexts[body.trigger] }
      assertDefault(texts, defaultLanguage)
      const row = await insertAutomaticMessage(tx, { ...body, defaultLanguage, texts }, at)
      const after = presentAutomaticMessage(row)
      await recordAudit(tx, caller, { action: 'automatic_message.created', subjectId: row.id, at, after })
      return after
    })
  }

  list(caller: OrgCaller, query: PageRequest & { channel?: Channel | undefined }): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listAutomaticMessages(tx, query), query)
      return { data: data.map(presentAutomaticMessage), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => presentAutomaticMessage(await getAutomaticMessage(tx, id)))
  }

  update(caller: OrgCaller, id: string, body: z.infer<typeof changeAutomaticMessageBody>): Promise<Shown> {
    return this.change(caller, async (tx, at) => {
      await lockRow(tx, 'automatic_messages', id)
      const before = presentAutomaticMessage(await getAutomaticMessage(tx, id))
      const texts = body.texts && canonicalKeys(body.texts)
      const defaultLanguage = body.defaultLanguage && canonical(body.defaultLanguage)
      assertDefault(texts ?? before.texts, defaultLanguage ?? before.defaultLanguage)
      await updateAutomaticMessage(tx, id, given({ ...body, texts, defaultLanguage }), at)
      const after = presentAutomaticMessage(await getAutomaticMessage(tx, id))
      const entry = { action: 'automatic_message.changed', subjectId: id, at } as const
      await recordAudit(tx, caller, { ...entry, before, after })
      return after
    })
  }

  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.change(caller, async (tx, at) => {
      await lockRow(tx, 'automatic_messages', id)
      const before = presentAutomaticMessage(await getAutomaticMessage(tx, id))
      await deleteAutomaticMessage(tx, id)
      await recordAudit(tx, caller, { action: 'automatic_message.deleted', subjectId: id, at, before })
    })
  }

  private async change<Result>(
    caller: OrgCaller,
    work: (tx: OrgTx, now: Date) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await this.db.inOrg(caller, (tx) => work(tx, this.clock.now()))
    } catch (error) {
      throw isDuplicate(error) ? exists() : error
    } finally {
      this.active.forget(caller.orgId)
    }
  }

  private async assertPlace(tx: OrgTx, channel: Channel, workstreamChannelId: string | null): Promise<void> {
    if (!workstreamChannelId) return
    const actual = await holdWorkstreamChannel(tx, workstreamChannelId)
    if (!actual) throw invalidField('workstreamChannelId', 'There is no such number in a workstream.')
    if (actual !== channel) {
      throw invalidField(
        'workstreamChannelId',
        `This is a number for ${actual}; the message is for ${channel}.`,
      )
    }
  }
}

function assertDefault(texts: Texts, defaultLanguage: string): void {
  if (texts[defaultLanguage] === undefined) {
    throw invalidField('defaultLanguage', `There is no text in the default language "${defaultLanguage}".`)
  }
}

const canonical = (tag: string): string => Intl.getCanonicalLocales(tag)[0] ?? tag

const canonicalKeys = (texts: Texts): Texts =>
  Object.fromEntries(Object.entries(texts).map(([tag, text]) => [canonical(tag), text]))
