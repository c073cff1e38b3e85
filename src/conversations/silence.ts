import type { Conversation } from '../db/generated/client.js'
import { later, minutes } from '../lib/clock.js'

interface Silence {
  /** Who has not answered */
  of: 'customer' | 'agent'
  since: Date
}

type Times = Pick<Conversation, 'lastInboundAt' | 'lastAgentMessageAt'>

/** Of the side that did not write last. Automatic messages are no answer. */
export function silenceOf({ lastInboundAt, lastAgentMessageAt }: Times): Silence | null {
  if (lastAgentMessageAt && (!lastInboundAt || lastAgentMessageAt >= lastInboundAt)) {
    return { of: 'customer', since: lastAgentMessageAt }
  }
  return lastInboundAt && { of: 'agent', since: lastInboundAt }
}

/** After how many minutes of silence a timeout rule of the workstream is due, ascending. */
export interface TimeoutTimes {
  agentTimeouts: readonly number[]
  customerTimeouts: readonly number[]
}

/** When the next timeout rule of the silence is due; with `after`, only what comes later than that. */
export function nextTimeout(
  row: Times,
  { agentTimeouts, customerTimeouts }: TimeoutTimes,
  after: Date | null = null,
): Date | null {
  const silence = silenceOf(row)
  if (!silence) return null
  const times = silence.of === 'customer' ? customerTimeouts : agentTimeouts
  const moments = times.map((time) => later(silence.since, minutes(time)))
  return moments.find((moment) => !after || moment > after) ?? null
}
