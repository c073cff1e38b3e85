import { z } from 'zod'
import { id } from '../http/schemas.js'

const ofSupervisors = (what: string) =>
  z.boolean().meta({ description: `Whether supervisors may ${what}; admins always may` })

export const supervisionSettingsSchema = z
  .object({
    monitor: ofSupervisors('monitor and join conversations'),
    assign: ofSupervisors('assign open conversations'),
    transfer: ofSupervisors('transfer conversations of others'),
    forceClose: ofSupervisors('close conversations of others'),
    transferToAgents: z
      .boolean()
      .meta({ description: 'Whether conversations may be transferred to agents, and not only to queues' }),
  })
  .meta({ id: 'SupervisionSettings' })

export const supervisionSettingsBody = z.strictObject({
  monitor: z.boolean().default(true),
  assign: z.boolean().default(true),
  transfer: z.boolean().default(true),
  forceClose: z.boolean().default(true),
  transferToAgents: z.boolean().default(true),
})

export const assignment = {
  agentId: id.optional(),
  queueId: id.optional(),
  override: z
    .boolean()
    .default(false)
    .meta({ description: 'To an agent beyond their capacity, or who is away' }),
}

interface Target {
  agentId?: string | undefined
  queueId?: string | undefined
}

export const namesOneTarget = ({ agentId, queueId }: Target): boolean =>
  (agentId === undefined) !== (queueId === undefined)

export const oneTarget = { error: 'Name either an agent or a queue.', path: ['agentId'] }

export const assignBody = z.strictObject(assignment).refine(namesOneTarget, oneTarget)
