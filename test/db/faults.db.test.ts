import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OrgTx } from '../../src/db/database.js'
import { faultName, isDuplicate, isReferenceFault, isUnavailable } from '../../src/db/faults.js'
import { Prisma } from '../../src/db/generated/client.js'
import { newId } from '../../src/lib/ids.js'
import { TestOrganization } from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'

let service: TestService
let org: TestOrganization

beforeAll(async () => {
  service = await startService({ idle: true })
  org = await TestOrganization.create(service)
})
afterAll(() => service.close())

const raising = (state: string) => (tx: OrgTx) =>
  tx.$executeRaw(Prisma.raw(`DO $$ BEGIN RAISE EXCEPTION 'Secret text' USING ERRCODE = '${state}'; END $$`))

const faultOf = (work: (tx: OrgTx) => Promise<unknown>): Promise<unknown> =>
  service.parts.db.inOrg(org.id, work).then(
    () => null,
    (error: unknown) => error,
  )

describe('what a statement written by hand is refused for', () => {
  it.each(['40P01', '40001'])('a conflict that passes (%s) is tried again', async (state) => {
    let tries = 0

    await service.parts.db.inOrg(org.id, async (tx) => {
      if (++tries < 3) await raising(state)(tx)
    })

    expect(tries).toBe(3)
  })

  it.each(['57P01', '57P03', '53300', '08006'])(
    'a database that goes away (%s) counts as unavailable',
    async (state) => {
      expect(isUnavailable(await faultOf(raising(state)))).toBe(true)
    },
  )

  it('a fault of its own does not, and is named without its values', async () => {
    const fault = await faultOf(raising('P0001'))

    expect(isUnavailable(fault)).toBe(false)
    expect(faultName(fault)).toBe('DatabaseError P0001')
  })

  it('a duplicate and a reference to nothing are known as such', async () => {
    const queue = (id: string) => (tx: OrgTx) =>
      tx.$executeRaw`
      INSERT INTO queues (org_id, id, name, created_at, updated_at)
      SELECT org_id, ${id}::uuid, name, created_at, updated_at FROM queues WHERE is_default`
    const member = (tx: OrgTx) => tx.$executeRaw`
      INSERT INTO queue_members (org_id, queue_id, agent_id, created_at)
      SELECT org_id, id, id, created_at FROM queues WHERE is_default`

    expect(isDuplicate(await faultOf(queue(newId())))).toBe(true)
    expect(isReferenceFault(await faultOf(member))).toBe(true)
  })
})
