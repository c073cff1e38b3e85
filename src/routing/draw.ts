import { createHash } from 'node:crypto'

/** A number from 0 to 99 for a rule and a conversation: as good as chance, and the same whenever one asks again. */
export const drawFor =
  (conversationId: string) =>
  (rule: number): number =>
    createHash('sha256').update(`${conversationId} ${rule}`).digest().readUInt32BE(0) % 100
