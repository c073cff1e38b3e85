import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { migrate } from '../../src/db/migrate.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { EventListener } from '../support/event-listener.js'
import {
  done,
  newCustomer,
  type TestAgent,
  type TestNumber,
  TestOrganization,
} from '../support/organization.js'
import { startService, type TestService } from '../support/service.js'
import { runSql } from '../support/sql.js'

const ours = join('prisma', 'migrations')

/** Expands every table, as the next version might: none of it is known to the processes that run here. */
const nextVersion = `
DO $$ DECLARE each text; BEGIN
  FOR each IN SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace LOOP
    EXECUTE format('ALTER TABLE %I ADD COLUMN next_empty text, ADD COLUMN next_filled integer NOT NULL DEFAULT 7', each);
  END LOOP;
END $$;
ALTER TYPE conversation_status ADD VALUE 'escalated';
CREATE TABLE next_table (org_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (org_id, id));
CREATE INDEX next_index ON messages (org_id, next_empty);`

let database: TestDatabase
let newer: string
let service: TestService
let org: TestOrganization
let agent: TestAgent
let number: TestNumber

beforeAll(async () => {
  database = await createTestDatabase()
  newer = await mkdtemp(join(tmpdir(), 'parley-newer-'))
  await cp(ours, newer, { recursive: true })
  await mkdir(join(newer, '99990101000000_next'))
  await writeFile(join(newer, '99990101000000_next', 'migration.sql'), nextVersion)
  service = await startService({ databaseUrl: database.url })
  org = await TestOrganization.create(service)
  number = await org.addNumber('twilio sms')
  agent = await org.addAgent()
})

afterAll(async () => {
  await service.close()
  await database.drop()
  await rm(newer, { recursive: true })
})

/** From the first text to the end, every call to the next of these processes. */
async function wholeConversation(processes: readonly TestService[]): Promise<string[]> {
  let turn = 0
  const worker = () => (processes[turn++ % processes.length] ?? service).as(agent.key)
  const customer = newCustomer()
  await org.customerTexts(customer, number, 'Hello')
  const { id } = await org.conversationOf(customer, ({ status }) => status === 'active')
  const step = (name: string) => done(worker().post(`/v1/conversations/${id}/${name}`), 200)
  await step('accept')
  for (const text of ['One', 'Two', 'Three', 'Four']) {
    const { body } = await done(worker().post(`/v1/conversations/${id}/messages`, { text }), 202)
    await org.message(id, body.id, ({ status }) => status === 'delivered')
  }
  await step('close')
  await org.customerTexts(customer, number, 'One more thing')
  await org.conversation(id, ({ status, acceptedAt }) => status === 'active' && acceptedAt === null)
  await step('accept')
  await step('end')
  await step('close')
  const { body } = await done(worker().get(`/v1/conversations?view=closed_today`), 200)
  expect(body.data.map((row: { id: string }) => row.id)).toContain(id)
  return (await org.messages(id)).map(({ text }) => text)
}

const said = ['Hello', 'One', 'Two', 'Three', 'Four', 'One more thing']

describe('in a rollout, when the newer version has migrated the database', () => {
  it('a process that runs works on, and one of its version that starts works beside it', async () => {
    const stream = await EventListener.open(service, agent.key)
    expect(await wholeConversation([service])).toEqual(said)

    const applied = await migrate(database.url, { directory: newer })
    const log = { info: vi.fn(), warn: vi.fn() }
    const missing = await migrate(database.url, { log })
    const second = await startService({ besides: service })

    expect(applied).toEqual(['99990101000000_next'])
    expect(missing).toEqual([])
    expect(log.warn).toHaveBeenCalledOnce()
    expect(await wholeConversation([service, second])).toEqual(said)
    expect(await wholeConversation([second, service])).toEqual(said)
    const closed = await stream.until(
      (heard) => heard.filter(({ type }) => type === 'conversation.closed').length === 3,
    )
    expect(closed.map(({ type }) => type)).not.toContain('message.unknown')
    const columns = await runSql<{ filled: number }>(
      service,
      'SELECT DISTINCT next_filled AS filled FROM messages',
    )
    expect(columns).toEqual([{ filled: 7 }])
    stream.stop()
    await second.close()
  }, 120_000)

  it('a process that knows one migration less than this version starts on its database', async () => {
    const names = (await readdir(ours)).filter((name) => /^\d{14}_/.test(name)).toSorted()
    const older = await mkdtemp(join(tmpdir(), 'parley-older-'))
    for (const name of names.slice(0, -1)) await cp(join(ours, name), join(older, name), { recursive: true })

    const applied = await migrate(database.url, { directory: older })

    expect(applied).toEqual([])
    await rm(older, { recursive: true })
  })
})
