import { afterAll, beforeAll, it } from 'vitest'
import { runModel } from './run.js'
import { Ground } from './world.js'

let ground: Ground

beforeAll(async () => {
  ground = await Ground.open({ redisUrl: null, processes: 1 })
})
afterAll(() => ground.close())

/** 10,000 steps are in `npm run torture -- model`. */
it('whatever people, time and settings do, in any order: what must always hold holds after each step', async () => {
  await runModel(ground, { steps: 300, most: 150 })
}, 300_000)
