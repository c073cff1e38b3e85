import { describe, expect, it } from 'vitest'
import { defaultTexts, fillIn, textIn, unknownSlugs } from '../../src/automatic-messages/texts.js'
import {
  applies,
  hoursFor,
  isTooMuch,
  type Occasion,
  occasionOf,
  triggers,
} from '../../src/automatic-messages/triggers.js'
import { happenings, nextPhase, phases } from '../../src/conversations/lifecycle.js'
import type { Step } from '../../src/conversations/steps.js'

const row = (fields: object) => ({ id: 'c', agentId: 'sam', queueId: 'q', ...fields }) as Step['after']

const step = (fields: Partial<Step>): Step =>
  ({ from: 'active', to: 'active', before: row({}), after: row({}), ...fields }) as Step

/** What a step gives reason to say, in short. */
function told(fields: Partial<Step>): string | null {
  const occasion = occasionOf(step(fields))
  return (
    occasion &&
    [...occasion.triggers, ...(occasion.hours ? [`by hours of ${occasion.hours}`] : [])].join(', ')
  )
}

describe('a step', () => {
  const reply = 'holiday, out_of_hours'
  const expected: Record<string, string> = {
    'waiting customer_wrote': `${reply}, by hours of number_or_queue`,
    'open offered': 'agent_assigned',
    'open assigned': 'agent_assigned',
    'waiting transfer_offered': 'agent_assigned',
    'offered accepted': 'agent_joined',
    'offered auto_accepted': 'agent_joined',
    'open picked': 'agent_joined',
    'waiting resumed': 'agent_joined',
    'transferring transfer_accepted': 'transfer_accepted',
    'active agent_left': 'agent_disconnected',
    'active ended_by_agent': 'conversation_ended',
    'transferring ended_by_agent': 'conversation_ended',
    'wrap_up closed_by_agent': 'session_ended',
    'open overflow_ended': 'overflow_ended',
    'open routed': 'assignment_failed',
    'open assigned_to_queue': 'assignment_failed',
    'active transferred_to_queue': 'assignment_failed',
    'transferring transferred_to_queue': 'assignment_failed',
    'waiting transferred_to_queue': 'assignment_failed',
    'open ended_without_members': 'assignment_failed',
  }
  const steps = phases.flatMap((from) =>
    happenings.flatMap((by) => {
      const transition = nextPhase(from, by)
      return transition ? [{ ...transition, name: `${from} ${by}` }] : []
    }),
  )

  it.each(steps)('$name says what the table says, and all others nothing', ({ name, ...transition }) => {
    expect(told(transition)).toBe(expected[name] ?? null)
  })

  it('that opens a conversation greets, or says that it is closed', () => {
    expect(told({ by: 'opened', from: null, to: 'open', before: null })).toBe(
      `${reply}, conversation_started, by hours of number`,
    )
  })

  it('into the first queue says that it is closed, or that nobody is there; into another one only that', () => {
    expect(told({ by: 'routed', from: 'open', to: 'open', before: row({ queueId: null }) })).toBe(
      `${reply}, assignment_failed, by hours of queue_alone`,
    )
    expect(told({ by: 'routed', from: 'open', to: 'open' })).toBe('assignment_failed')
  })

  it('names the agent who has it, or had it', () => {
    const ended = { by: 'closed_by_agent', from: 'wrap_up', to: 'closed' } as const
    const left = step({ ...ended, after: row({ agentId: null }), before: row({ agentId: 'robin' }) })

    expect(occasionOf(step(ended))?.agentId).toBe('sam')
    expect(occasionOf(left)?.agentId).toBe('robin')
  })
})

describe('whose hours decide', () => {
  it.each([
    ['number', 'n', 'q', 'n'],
    ['number', null, 'q', null],
    ['number_or_queue', 'n', 'q', 'n'],
    ['number_or_queue', null, 'q', 'q'],
    ['queue_alone', 'n', 'q', null],
    ['queue_alone', null, 'q', 'q'],
    [null, 'n', 'q', null],
  ] as const)('%s, of a number with %s and a queue with %s: %s', (hours, numberHoursId, queueHoursId, id) => {
    expect(hoursFor({ hours } as Occasion, { numberHoursId, queueHoursId })).toBe(id)
  })

  it('and nothing is said of hours while it is open, or where there are none', () => {
    const holiday = { name: 'May Day', from: '2026-05-01', to: '2026-05-01' }
    const moments = { opensAt: null, closesAt: null }
    const manned = { queueHasMembers: true }

    for (const status of [undefined, { ...moments, open: true, holiday: null }]) {
      expect(triggers.filter((trigger) => !applies(trigger, status, manned))).toEqual([
        'out_of_hours',
        'holiday',
        'assignment_failed',
      ])
    }
    expect(applies('holiday', { ...moments, open: false, holiday: null }, manned)).toBe(false)
    expect(applies('out_of_hours', { ...moments, open: false, holiday: null }, manned)).toBe(true)
    expect(applies('holiday', { ...moments, open: false, holiday }, manned)).toBe(true)
  })
})

it('that nobody could be assigned is said where the queue has no members, and not while they are busy or away', () => {
  expect(applies('assignment_failed', undefined, { queueHasMembers: false })).toBe(true)
  expect(applies('assignment_failed', undefined, { queueHasMembers: true })).toBe(false)
})

describe('a text', () => {
  it('is in the language of the conversation, else in a form of it, else in the default language', () => {
    const texts = { en: 'Hello', de: 'Hallo', 'de-AT': 'Servus' }

    const said = ['de-AT', 'de-CH', 'de', 'en-US', 'fr'].map((language) => textIn(texts, language, 'en'))

    expect(said).toEqual(['Servus', 'Hallo', 'Hallo', 'Hello', 'Hello'])
  })

  it('has its slugs filled in, every time and only those', () => {
    const names = { AgentName: 'Sam {QueueName}', QueueName: 'Orders' }

    expect(fillIn('{AgentName} of {QueueName}, {AgentName}', names)).toBe(
      'Sam {QueueName} of Orders, Sam {QueueName}',
    )
    expect(unknownSlugs('{AgentName} {agentName} {} { QueueName} } {')).toEqual([
      '{agentName}',
      '{}',
      '{ QueueName}',
    ])
  })

  it('is there for every trigger', () => {
    expect(Object.keys(defaultTexts).sort()).toEqual([...triggers].sort())
    expect(Object.values(defaultTexts).flatMap(unknownSlugs)).toEqual([])
  })
})

describe('the measure', () => {
  it.each([
    [0, 0, false],
    [7, 29, false],
    [8, 8, true],
    [0, 30, true],
  ])('after %i in ten minutes and %i in a day is full: %s', (lately, today, full) => {
    expect(isTooMuch({ lately, today })).toBe(full)
  })
})
