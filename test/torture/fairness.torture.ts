import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { queueReplies } from '../support/reply-queue.js'
import { tellProvider } from '../support/simulator.js'
import {
  type Business,
  type FloodStage,
  measureDelays,
  openBusiness,
  openFloodStage,
  postInbound,
} from './flood-stage.js'

const quietSeconds = 15
const floodSeconds = 60
const floodOf = 10_000
const mostDelay = 1000

let stage: FloodStage
let flooding: Business
let other: Business

beforeAll(async () => {
  stage = await openFloodStage()
  flooding = await openBusiness(stage, { name: 'Flooding', number: '+12065550101', conversations: 1 })
  other = await openBusiness(stage, { name: 'Other', number: '+12065550102', conversations: 20 })
}, 120_000)
afterAll(() => stage.close(), 60_000)

it('one organization that floods delays another’s message by less than a second at p95', async () => {
  const quiet = await measureDelays(stage, other, wait(quietSeconds * 1000))
  await tellProvider(stage, 'faults', {
    accountId: flooding.target.accountSid,
    mode: 'delay',
    delayMs: 5000,
    times: 0,
  })
  await queueReplies(stage, { id: flooding.conversationIds[0] ?? '' }, { conversations: floodOf })

  const flooded = await measureDelays(stage, other, floodInbound())

  const told = (of: 'toEvent' | 'toProvider') =>
    `p95 ${quiet[of]} ms in quiet, ${flooded[of]} ms under the floods`
  process.stdout.write(`text to event: ${told('toEvent')}\nreply to provider: ${told('toProvider')}\n`)
  expect(flooded.toEvent - quiet.toEvent).toBeLessThan(mostDelay)
  expect(flooded.toProvider - quiet.toProvider).toBeLessThan(mostDelay)
}, 400_000)

/** Each second so many at once that ten thousand come within a minute, every sender new. */
async function floodInbound(): Promise<void> {
  const perSecond = Math.ceil(floodOf / floodSeconds)
  const began = performance.now()
  for (let second = 0; second < floodSeconds; second++) {
    const senders = { kind: 'new', first: 1_000_000 + second * perSecond } as const
    await postInbound(stage.service.port, flooding.target, senders, perSecond)
    await wait(Math.max(0, (second + 1) * 1000 - (performance.now() - began)))
  }
}
