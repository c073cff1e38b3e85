import { describe, expect, it } from 'vitest'
import { brokenWork } from '../support/broken-work.js'
import { done, newCustomer, TestOrganization } from '../support/organization.js'
import { eventually, redisDatabase, startService } from '../support/service.js'
import { openSql } from '../support/sql.js'

const stores = [
  ['PostgreSQL', null],
  ['Redis', redisDatabase(10)],
] as const
const conversations = 24

describe.each(stores.filter(([name, url]) => name === 'PostgreSQL' || url))(
  'while an admin changes everything about a queue, two workers with jobs on %s',
  (_name, redisUrl) => {
    it('offer each conversation once, and nobody more than they have room for', async () => {
      const first = await startService({ redisUrl })
      const second = await startService({ redisUrl, besides: first })
      const sql = await openSql(first)
      try {
        const org = await TestOrganization.create(first)
        const [queue, other] = [await org.addQueue(), await org.addQueue()]
        const number = await org.addNumber('twilio sms')
        const workstream = await org.addWorkstream(number, { fallbackQueueId: other })
        const rules = [{ name: 'All', when: { field: 'channel', op: 'exists' }, queueId: queue }]
        await done(org.admin.put(`/v1/workstreams/${workstream}/routing-rules`, { rules }), 200)
        const agents = await Promise.all(
          Array.from({ length: 3 }, () => org.addAgent({ capacityUnits: 9, queues: [queue, other] })),
        )
        const closed = { name: 'Closed', timeZone: 'UTC', weekly: {} }
        const { id: hours } = (await done(org.admin.post('/v1/operating-hours', closed), 201)).body
        const found: unknown[] = []
        const look = async () => found.push(...(await brokenWork(first, org.id)))
        const into = { action: 'other_queue', queueId: other }
        const changes = [
          { assignment: 'round_robin', priority: 1 },
          { overflow: { itemLimit: { limit: 1, ...into }, waitingTime: { minutes: 1, ...into } } },
          { assignment: 'least_active', operatingHoursId: hours },
          { overflow: { outOfHours: into } },
          { operatingHoursId: null, assignment: 'highest_capacity', priority: 500 },
        ]

        await Promise.all([
          ...Array.from({ length: conversations }, () => org.customerTexts(newCustomer(), number, 'Hello')),
          (async () => {
            const { admin } = org.through(second)
            for (const [n, change] of [...changes, ...changes].entries()) {
              const member = `/v1/queues/${queue}/members/${agents[n % 3]?.id}`
              await done(admin.delete(member), 204)
              await done(admin.patch(`/v1/queues/${queue}`, change), 200)
              await look()
              await done(admin.put(member), 204)
            }
          })(),
        ])
        await eventually(
          async () =>
            (
              await sql.query<{ status: string; count: string }>(
                'SELECT status, count(*) FROM conversations WHERE org_id = $1 GROUP BY status',
                [org.id],
              )
            ).rows,
          ([all, ...others]) =>
            others.length === 0 && all?.status === 'active' && Number(all.count) === conversations,
        )
        await look()

        expect(found).toEqual([])
      } finally {
        await sql.end()
        await second.close()
        await first.close()
      }
    })
  },
)
