import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { minutes } from '../../src/lib/clock.js'
import { say } from '../torture/plan.js'
import { checkEnd } from './invariants.js'
import { anySteps } from './steps.js'
import { type Ground, newModel, World } from './world.js'

/**
 * Lets customers, agents, a supervisor, the clock, settings and the provider do anything in any order, and checks after each
 * step, until so many steps were made, at most `most` of them in one organization. Prints the seed of each: MODEL_SEED
 * begins with it.
 */
export async function runModel(
  ground: Ground,
  { steps, most }: { steps: number; most: number },
): Promise<void> {
  let seed = Number(process.env['MODEL_SEED'] ?? randomInt(2 ** 31))
  for (let made = 0; made < steps; seed++) {
    say(`model: ${made} steps, MODEL_SEED=${seed}`)
    const property = fc.asyncProperty(anySteps(most), async (commands) => {
      const [model, world] = [newModel(), await World.create(ground)]
      try {
        await fc.asyncModelRun(() => ({ model, real: world }), commands)
        await world.settle()
        await world.closeStreams()
        ground.clock.forward(minutes(10))
        await world.settle()
        await checkEnd(world, model)
      } finally {
        made += model.steps
        ground.clock.backToNow()
      }
    })
    await fc.assert(property, { seed, numRuns: 1, endOnFailure: true })
  }
}
