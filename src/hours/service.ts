import type { z } from 'zod'
import type { Database } from '../db/database.js'
import { isDuplicate, isReferenceFault } from '../db/faults.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { lockRow } from '../db/rows.js'
import { recordAudit } from '../identity/audit.js'
import { getTimeZone } from '../identity/time-zone.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { AppError } from '../lib/errors.js'
import { given } from '../lib/given.js'
import { presentHours, presentStatus, scheduleOf } from './present.js'
import { deleteHours, findHoursUses, getHours, insertHours, listHours, updateHours } from './repository.js'
import { hoursStatus, inOrder, type Schedule, type Weekly, weekdays } from './schedule.js'
import type { changeHoursBody, createHoursBody } from './schemas.js'

type Shown = ReturnType<typeof presentHours>

const nameTaken = (name: string) =>
  new AppError('conflict', `There are already operating hours with the name "${name}".`)

const stillUsed = (by: string) =>
  new AppError(
    'conflict',
    `These operating hours cannot be deleted: ${by} keeps to them. Take them off first.`,
  )

/**
 * When teams are open. Hours are looked at whenever something is decided: a change holds from the next decision on, and
 * moves nothing that was decided before.
 */
export class OperatingHoursService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  create(caller: OrgCaller, body: z.infer<typeof createHoursBody>): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const now = this.clock.now()
        const timeZone = body.timeZone ?? (await getTimeZone(tx))
        const row = await insertHours(tx, { ...body, ...inOrderOfTime(body), timeZone }, now)
        const after = presentHours(row)
        const entry = { action: 'operating_hours.created', subjectId: row.id, at: now } as const
        await recordAudit(tx, caller, { ...entry, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(body.name) : error
      })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listHours(tx, page), page)
      return { data: data.map(presentHours), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => presentHours(await getHours(tx, id)))
  }

  /** @param at now where it is not given */
  status(caller: OrgCaller, id: string, at: string | undefined): Promise<ReturnType<typeof presentStatus>> {
    return this.db.inOrg(caller, async (tx) => {
      const moment = at === undefined ? this.clock.now() : new Date(at)
      return presentStatus(hoursStatus(scheduleOf(await getHours(tx, id)), moment), moment)
    })
  }

  update(caller: OrgCaller, id: string, body: z.infer<typeof changeHoursBody>): Promise<Shown> {
    return this.db
      .inOrg(caller, async (tx) => {
        const now = this.clock.now()
        await lockRow(tx, 'operating_hours', id)
        const before = presentHours(await getHours(tx, id))
        await updateHours(tx, id, given({ ...body, ...inOrderOfTime(body) }), now)
        const after = presentHours(await getHours(tx, id))
        const entry = { action: 'operating_hours.changed', subjectId: id, at: now } as const
        await recordAudit(tx, caller, { ...entry, before, after })
        return after
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(body.name ?? '') : error
      })
  }

  /** Refused while a queue or a number keeps to them. */
  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.db
      .inOrg(caller, async (tx) => {
        await lockRow(tx, 'operating_hours', id)
        const before = presentHours(await getHours(tx, id))
        const [use] = await findHoursUses(tx, id)
        if (use) throw stillUsed(use)
        await deleteHours(tx, id)
        const at = this.clock.now()
        await recordAudit(tx, caller, { action: 'operating_hours.deleted', subjectId: id, at, before })
      })
      .catch((error) => {
        throw isReferenceFault(error) ? stillUsed('a queue or a number') : error
      })
  }
}

type Times = { [Name in 'weekly' | 'exceptions' | 'holidays']?: Schedule[Name] | undefined }

/** Days with their intervals in order, dates in order. */
function inOrderOfTime({ weekly, exceptions, holidays }: Times) {
  const days = weekdays.map((day) => [day, inOrder(weekly?.[day] ?? [])] as const)
  return given({
    weekly: weekly && (Object.fromEntries(days) as Weekly),
    exceptions: exceptions
      ?.map((exception) => ({ ...exception, intervals: inOrder(exception.intervals) }))
      .toSorted((a, b) => (a.date < b.date ? -1 : 1)),
    holidays: holidays?.toSorted((a, b) => (a.from < b.from ? -1 : 1)),
  })
}
