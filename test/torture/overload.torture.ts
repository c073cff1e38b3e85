import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connections, type Inbound, post, prepareInbound } from '../../src/bench/inbound.js'
import { openStage, type Stage } from '../../src/bench/stage.js'
import { percentile } from '../../src/bench/statistics.js'

const overloadSeconds = 60
const sustainedSeconds = 4
const recoverySeconds = 5
const mostMebibytes = 512
// Whatever it was before: nobody notices it
const quickMs = 250
const minutes = (count: number) => count * 60_000

let stage: Stage
let inbound: Inbound
const say = (line: string) => void process.stderr.write(`${line}\n`)

beforeAll(async () => {
  stage = await openStage({ profile: null, keep: null, number: 0 }, say)
  inbound = await prepareInbound(stage)
}, minutes(3))
afterAll(() => stage.close(), minutes(1))

it('three times what the service bears is refused with 503, within 512 MiB, and over in five seconds', {
  timeout: minutes(15),
}, async () => {
  const { target, known: senders } = inbound
  const flood = await post(stage, inbound, { senders, count: 60_000, seconds: sustainedSeconds })
  const sustainable = flood.answered / flood.seconds
  await stage.settle()
  const press = (times: number, seconds: number, connections: number) =>
    stage.load.run('overload', {
      port: stage.service.port,
      connections,
      target,
      senders,
      perSecond: sustainable * times,
      seconds,
    })
  const before = await press(0.5, sustainedSeconds, connections)
  await stage.settle()
  say(`sustainable: ${Math.round(sustainable)} /s, memory ${await memory('VmRSS')} MiB`)

  const over = await press(3, overloadSeconds, 2000)
  const peak = await memory('VmHWM')
  await wait(recoverySeconds * 1000)
  const after = await press(0.5, sustainedSeconds, connections)
  say(
    `sent ${Math.round(over.sent / over.seconds)} /s, answered ${JSON.stringify(over.answers)}, ` +
      `p95 of 200 ${p95(over.toAccept)} ms, of 503 ${p95(over.toRefuse)} ms, peak ${peak} MiB; ` +
      `p95 before ${p95(before.toAccept)} ms, after ${p95(after.toAccept)} ms`,
  )
  await stage.settle()

  // The load comes from the machine that bears it, which cannot send three times a burst: what counts is what was taken for a
  // minute. That must not be little either: a service that refuses everything bears everything
  const taken = over.answers[200] ?? 0
  expect(over.sent).toBeGreaterThan(3 * taken)
  expect(taken / over.seconds).toBeGreaterThan(sustainable / 5)
  expect(Object.keys(over.answers).sort()).toEqual(['200', '503'])
  expect(peak).toBeLessThan(mostMebibytes)
  expect(p95(after.toAccept)).toBeLessThan(Math.max(3 * p95(before.toAccept), quickMs))
  expect(after.answers).toEqual({ 200: after.sent })
  expect(await attachedOnce([...before.accepted, ...over.accepted, ...after.accepted])).toEqual({
    missing: 0,
    twice: 0,
  })
})

const p95 = (all: readonly number[]): number => Math.round(percentile(all, 0.95))

/** What of the accepted messages is not, or more than once, in a conversation. */
async function attachedOnce(accepted: readonly string[]): Promise<{ missing: number; twice: number }> {
  const { rows } = await stage.database.query<{ missing: number; twice: number }>(
    `SELECT count(*) FILTER (WHERE n IS NULL)::int AS missing, count(*) FILTER (WHERE n > 1)::int AS twice
     FROM unnest($1::text[]) AS accepted(id)
       LEFT JOIN (SELECT provider_message_id AS id, count(*) AS n FROM messages GROUP BY 1) m USING (id)`,
    [accepted],
  )
  return rows[0] ?? { missing: accepted.length, twice: 0 }
}

/** Of the service, in MiB: now (VmRSS), and the most that it ever was (VmHWM). */
async function memory(which: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${await findService()}/status`, 'utf8')
  return Math.round(Number(new RegExp(`${which}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024)
}

/** The process that was given this port. */
async function findService(): Promise<string> {
  const wanted = `PORT=${stage.service.port}`
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
    if (environment.split('\0').includes(wanted)) return pid
  }
  throw new Error('The service does not run.')
}
