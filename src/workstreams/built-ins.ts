import type { OrgTx } from '../db/database.js'
import { newId } from '../lib/ids.js'
import { insertQueue } from './queue-repository.js'
import { insertWorkstream } from './repository.js'

const dayMinutes = 1440

/**
 * What a new organization has from the start: the default queue, and per channel a workstream for the numbers that no
 * other workstream has. Waiting conversations close after a day, which on WhatsApp is when free replies end.
 */
export async function createBuiltIns(tx: OrgTx, now: Date): Promise<void> {
  const queue = await insertQueue(tx, { name: 'Default queue', isDefault: true }, now)
  for (const [channel, name] of [
    ['sms', 'SMS'],
    ['whatsapp', 'WhatsApp'],
  ] as const) {
    await insertWorkstream(tx, {
      id: newId(),
      name,
      channel,
      distribution: 'push',
      isBuiltIn: true,
      autoCloseAfterMinutes: dayMinutes,
      fallbackQueueId: queue.id,
      createdAt: now,
      updatedAt: now,
    })
  }
}
