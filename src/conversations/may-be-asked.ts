import type { Agent } from '../db/generated/client.js'
import { AppError } from '../lib/errors.js'

const away: readonly Agent['presence'][] = ['do_not_disturb', 'away', 'offline', 'inactive']

/** Throws for an agent whom nobody should ask now. */
export function assertReachable({ name, presence }: Pick<Agent, 'name' | 'presence'>): void {
  if (!away.includes(presence)) return
  throw new AppError('conflict', `${name} is ${presence.replaceAll('_', ' ')}: choose somebody else.`)
}
