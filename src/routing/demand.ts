import { createHash } from 'node:crypto'
import type { Conversation } from '../db/generated/client.js'

type Asking = Pick<Conversation, 'workstreamId' | 'capacityProfileIds' | 'skills' | 'preferredAgentIds'>

/** Stands for what a conversation asks of an agent beyond what its workstream does; null where that is nothing. */
export function demandIdOf({
  workstreamId,
  capacityProfileIds,
  skills,
  preferredAgentIds,
}: Asking): string | null {
  if (capacityProfileIds.length === 0 && !skills && preferredAgentIds.length === 0) return null
  const preferred = preferredAgentIds.length > 0 ? [preferredAgentIds] : []
  const asked = JSON.stringify([workstreamId, capacityProfileIds.toSorted(), skills, ...preferred])
  const digest = createHash('sha256').update(asked).digest('hex')
  return digest.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
