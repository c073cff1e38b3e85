import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

const idBytes = 16
// Asking the system for random bytes costs more than the rest of an id, so many ids share one call
const drawn = Buffer.alloc(256 * idBytes)
let used = drawn.length
let msecs = 0
let seq = 0

/** A new UUIDv7: ids made later in one process sort later. */
export function newId(): string {
  const random = drawRandom()
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    // 31 of 32 bits: the rest is room to count on within the millisecond
    seq = random.readUInt32BE(0) >>> 1
  } else {
    seq++
  }
  return v7({ random, msecs, seq })
}

function drawRandom(): Buffer {
  if (used === drawn.length) {
    randomFillSync(drawn)
    used = 0
  }
  used += idBytes
  return drawn.subarray(used - idBytes, used)
}

/** Stands for the platform where an organization's id is asked for. */
export const platformScope = '00000000-0000-0000-0000-000000000000'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export const isId = (value: string): boolean => uuid.test(value)
