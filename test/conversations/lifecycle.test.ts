import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  allowedCalls,
  type Happening,
  happenings,
  nextPhase,
  type Phase,
  phases,
} from '../../src/conversations/lifecycle.js'

/** Every state × event of domain.md 2.2, as it must be for SMS and WhatsApp. A dash is a step that is refused. */
const expected: Record<Phase, Record<Happening, Phase | '-'>> = {
  open: {
    customer_wrote: 'open',
    routed: 'open',
    offered: 'offered',
    accepted: '-',
    rejected: '-',
    offer_expired: '-',
    auto_accepted: '-',
    agent_left: '-',
    picked: 'active',
    released: '-',
    closed_by_agent: '-',
    ended_by_agent: '-',
    resumed: '-',
    transfer_offered: '-',
    transfer_accepted: '-',
    transfer_declined: '-',
    transfer_expired: '-',
    transfer_agent_left: '-',
    transferred_to_queue: '-',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: 'closed',
    moved_to_waiting: '-',
  },
  offered: {
    customer_wrote: 'offered',
    routed: '-',
    offered: '-',
    accepted: 'active',
    rejected: 'open',
    offer_expired: 'open',
    auto_accepted: 'active',
    agent_left: 'open',
    picked: '-',
    released: 'open',
    closed_by_agent: '-',
    ended_by_agent: '-',
    resumed: '-',
    transfer_offered: '-',
    transfer_accepted: '-',
    transfer_declined: '-',
    transfer_expired: '-',
    transfer_agent_left: '-',
    transferred_to_queue: '-',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: 'closed',
    moved_to_waiting: '-',
  },
  active: {
    customer_wrote: 'active',
    routed: '-',
    offered: '-',
    accepted: 'active',
    rejected: '-',
    offer_expired: '-',
    auto_accepted: '-',
    agent_left: '-',
    picked: '-',
    released: 'open',
    closed_by_agent: 'waiting',
    ended_by_agent: 'wrap_up',
    resumed: '-',
    transfer_offered: 'transferring',
    transfer_accepted: '-',
    transfer_declined: '-',
    transfer_expired: '-',
    transfer_agent_left: '-',
    transferred_to_queue: 'open',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: 'closed',
    moved_to_waiting: 'waiting',
  },
  transferring: {
    customer_wrote: 'transferring',
    routed: '-',
    offered: '-',
    accepted: 'transferring',
    rejected: '-',
    offer_expired: '-',
    auto_accepted: '-',
    agent_left: '-',
    picked: '-',
    released: 'open',
    closed_by_agent: 'waiting',
    ended_by_agent: 'wrap_up',
    resumed: '-',
    transfer_offered: '-',
    transfer_accepted: 'active',
    transfer_declined: 'active',
    transfer_expired: 'active',
    transfer_agent_left: 'active',
    transferred_to_queue: 'open',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: 'closed',
    moved_to_waiting: 'waiting',
  },
  waiting: {
    customer_wrote: 'open',
    routed: '-',
    offered: '-',
    accepted: '-',
    rejected: '-',
    offer_expired: '-',
    auto_accepted: '-',
    agent_left: '-',
    picked: '-',
    released: '-',
    closed_by_agent: '-',
    ended_by_agent: '-',
    resumed: 'active',
    transfer_offered: 'offered',
    transfer_accepted: '-',
    transfer_declined: '-',
    transfer_expired: '-',
    transfer_agent_left: '-',
    transferred_to_queue: 'open',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: 'closed',
    moved_to_waiting: '-',
  },
  wrap_up: {
    customer_wrote: '-',
    routed: '-',
    offered: '-',
    accepted: '-',
    rejected: '-',
    offer_expired: '-',
    auto_accepted: '-',
    agent_left: '-',
    picked: '-',
    released: '-',
    closed_by_agent: 'closed',
    ended_by_agent: '-',
    resumed: '-',
    transfer_offered: '-',
    transfer_accepted: '-',
    transfer_declined: '-',
    transfer_expired: '-',
    transfer_agent_left: '-',
    transferred_to_queue: '-',
    force_closed: 'closed',
    auto_closed: 'closed',
    closed_by_rule: '-',
    moved_to_waiting: '-',
  },
  closed: {
    customer_wrote: '-',
    routed: '-',
    offered: '-',
    accepted: '-',
    rejected: '-',
    offer_expired: '-',
    auto_accepted: '-',
    agent_left: '-',
    picked: '-',
    released: '-',
    closed_by_agent: '-',
    ended_by_agent: '-',
    resumed: '-',
    transfer_offered: '-',
    transfer_accepted: '-',
    transfer_declined: '-',
    transfer_expired: '-',
    transfer_agent_left: '-',
    transferred_to_queue: '-',
    force_closed: '-',
    auto_closed: '-',
    closed_by_rule: '-',
    moved_to_waiting: '-',
  },
}

describe('every state and every event', () => {
  for (const phase of phases) {
    for (const happening of happenings) {
      const outcome = expected[phase][happening]
      it(`${phase}: ${happening} ${outcome === '-' ? 'is refused' : `leads to ${outcome}`}`, () => {
        const transition = nextPhase(phase, happening)

        expect(transition?.to ?? '-').toBe(outcome)
      })
    }
  }
})

it('a conversation can be closed from every state but closed, and nothing leads out of closed', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...happenings), { maxLength: 40 }), (steps) => {
      let phase: Phase = 'open'
      for (const step of steps) {
        const wasClosed = phase === 'closed'
        phase = nextPhase(phase, step)?.to ?? phase
        if (wasClosed) expect(phase).toBe('closed')
      }
      if (phase !== 'closed') expect(nextPhase(phase, 'force_closed')?.to).toBe('closed')
    }),
  )
})

it('a refused caller is told the calls that the state allows', () => {
  expect(allowedCalls('offered')).toEqual(['accept', 'reject', 'release', 'force-close'])
  expect(allowedCalls('closed')).toEqual([])
  expect(allowedCalls('transferring')).toEqual([
    'accept',
    'reject',
    'transfer',
    'release',
    'close',
    'end',
    'force-close',
    'consult',
    'send',
  ])
})
