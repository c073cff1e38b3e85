import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { keptMessages } from '../support/ledger.js'
import { Load } from './load.js'
import { replayable, say, secondsFor } from './plan.js'
import { openStage, type Stage } from './stage.js'

/** Issue "Nothing lost", 1: any process is killed at any moment, under load. */
const rounds = Number(process.env['TORTURE_ROUNDS'] ?? 50)
const seconds = secondsFor(0.25, 900)
let stage: Stage

beforeAll(async () => {
  stage = await openStage()
}, 120_000)

afterAll(() => stage?.close(), 60_000)

it('whatever is killed, whenever: nothing that was taken is lost, nothing is sent twice', async () => {
  const random = replayable('kills')
  const load = await Load.begin(stage, random)
  const victims = Object.entries(stage.victims)
  const deadline = performance.now() + seconds * 1000

  let round = 0
  while (round < rounds && performance.now() < deadline) {
    round += 1
    await load.goesOn()
    await pause(random() * 1000)
    const [name, kill] = victims[Math.floor(random() * victims.length)] ?? ['nobody', () => undefined]
    await kill()
    say(`round ${round}: killed the ${name}; ${load}`)
  }
  await load.end()
  await stage.settle()

  const wrong = load.check(await keptMessages(stage), stage.simulator.sent())
  say(`after ${round} rounds: ${load}`)
  expect(wrong).toEqual([])
  expect(load.taken).toBeGreaterThan(round)
}, 1_200_000)
