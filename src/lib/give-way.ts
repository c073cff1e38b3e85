import { setTimeout as pause } from 'node:timers/promises'

const longestMs = 250
const stepMs = 10

/** Waits while others have more to do that is more urgent, but never long: what gives way is late, and never stands still. */
export async function giveWay(isFlood: () => boolean): Promise<void> {
  for (let waited = 0; waited < longestMs && isFlood(); waited += stepMs) await pause(stepMs)
}
