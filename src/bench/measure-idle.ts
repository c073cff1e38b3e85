import { setTimeout as wait } from 'node:timers/promises'
import type { Measured } from './figures.js'
import type { Stage } from './stage.js'

const idleSeconds = 60
const mebibyte = 1024 * 1024

/** The memory that the service itself says it has resident, a minute after its start. To be measured before any load. */
export async function measureIdle({ service, say }: Stage): Promise<Measured> {
  say(`The idle service, for ${idleSeconds} seconds …`)
  await wait(idleSeconds * 1000)
  const answer = await fetch(`${service.url}/metrics`)
  const bytes = /^parley_process_resident_memory_bytes (\d+)/m.exec(await answer.text())?.[1]
  if (bytes === undefined) throw new Error('GET /metrics does not tell the resident memory.')
  return { name: 'idle_memory', value: Number(bytes) / mebibyte }
}
