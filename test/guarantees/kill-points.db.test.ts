import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type KillStage, openKillStage } from '../support/kill-stage.js'
import { done } from '../support/organization.js'
import { eventually } from '../support/service.js'
import { runSql, whileAnotherPublishes } from '../support/sql.js'

/**
 * Issue "Nothing lost", 1: the program is killed once before and after each different step of receive and send. The torture
 * kills at random moments under load (test/torture/kills.torture.ts).
 */
let stage: KillStage

beforeAll(async () => {
  stage = await openKillStage()
}, 60_000)

afterAll(() => stage?.close())

/** What commits on the way of a message in and an answer out, by the tables that are written */
const commits = {
  'a callback is stored': 'store_callbacks',
  'a callback is attached': 'conversations, events, inbox, messages, outbox',
  'a queue is chosen': 'conversations, events, outbox, status_changes',
  'an agent is offered it':
    'agents, conversations, events, outbox, routing_records, sessions, status_changes',
  'the agent accepts': 'conversations, events, outbox, sessions, status_changes',
  'an Idempotency-Key is reserved': 'idempotency_keys',
  'a reply is queued': 'conversations, events, idempotency_keys, messages, outbox',
  'a reply is about to be sent': 'channel_numbers, messages',
  'the provider’s answer is kept': 'events, messages, outbox',
  'a delivery report is applied': 'events, inbox, messages, outbox',
}

const steps = [...Object.values(commits).map((tables) => `the commit of ${tables}`), 'a send'].flatMap(
  (step) => [`before ${step}`, `after ${step}`],
)

const bulkCommits = {
  'a bulk action is asked for':
    'audit_log, bulk_action_items, bulk_actions, events, idempotency_keys, outbox',
  'a conversation has its turn': 'bulk_action_items, bulk_actions, conversations, events, messages, outbox',
  'the last one is refused': 'bulk_action_items, bulk_actions, events, outbox',
}

const bulkSteps = Object.values(bulkCommits).flatMap((tables) =>
  ['before', 'after'].map((when) => `${when} the commit of ${tables}`),
)

describe('a program that is killed', () => {
  it('at any step of receiving and sending loses nothing and does nothing twice', async () => {
    const number = await stage.addNumber('twilio sms')
    const struck = new Set<string>()
    const outcomes = new Set<string>()

    do {
      stage.points.arm((place) => steps.includes(place) && !struck.has(place), stage.kill)
      outcomes.add(await stage.story(number, `${struck.size}.`))
      struck.add(stage.points.passed.at(-1) ?? '')
    } while (stage.points.hasStruck)

    expect(steps.filter((step) => !struck.has(step))).toEqual([])
    expect([...outcomes]).toEqual(['delivered'])
  }, 600_000)

  it('at any step of a bulk action acts on each conversation once', async () => {
    const { org, agent, points } = stage
    const number = await stage.addNumber('twilio sms')
    const ids = [
      await org.acceptedConversation(agent, number),
      await org.acceptedConversation(agent, number),
    ].map(({ id }) => id)
    const struck = new Set<string>()

    do {
      points.arm((place) => bulkSteps.includes(place) && !struck.has(place), stage.kill)
      const text = `Notice ${struck.size}`
      const action = { type: 'message_customer', text }
      const asked = { conversationIds: [...ids, randomUUID()], action }
      const { id } = (await done(org.admin.post('/v1/bulk-actions', asked), 202)).body
      const { counts } = await eventually(
        async () => (await org.admin.get(`/v1/bulk-actions/${id}`)).body,
        ({ finishedAt }) => finishedAt !== null,
        40_000,
      )
      expect(counts).toEqual({ total: 3, done: 2, failed: 1, waiting: 0 })
      for (const each of ids) {
        const said = await eventually(
          async () => (await org.messages(each)).filter((message) => message.text === text),
          (notices) => notices.every(({ status }) => ['delivered', 'unknown'].includes(status)),
          40_000,
        )
        expect(said).toHaveLength(1)
      }
      struck.add(points.passed.at(-1) ?? '')
    } while (points.hasStruck)

    expect(bulkSteps.filter((step) => !struck.has(step))).toEqual([])
  }, 300_000)

  it.each(['before', 'after'])(
    '%s it publishes what others have left loses none of it',
    async (when) => {
      const number = await stage.addNumber('twilio sms')
      const attached = `after the commit of ${commits['a callback is attached']}`
      const { points } = stage
      points.arm(
        (place) => place === `${when} the commit of publish_events` && points.passed.includes(attached),
        stage.kill,
      )

      const { telling } = await whileAnotherPublishes(stage.place, async () => {
        const telling = stage.story(number, `${when} publishing.`)
        await eventually(
          () => runSql(stage.place, 'SELECT 1 FROM outbox WHERE position IS NULL'),
          (left) => left.length > 0,
        )
        return { telling }
      })

      expect(await telling).toBe('delivered')
      expect(stage.points.hasStruck).toBe(true)
    },
    120_000,
  )

  it.each(['before', 'after'])(
    '%s a provider without a list has been told leaves the decision to a person',
    async (when) => {
      const number = await stage.addNumber('telesign sms')
      await stage.reports(false)
      stage.points.arm((place) => place === `${when} a send`, stage.kill)

      const outcome = await stage.story(number, `${when} Telesign.`)

      expect(stage.points.hasStruck).toBe(true)
      expect(outcome).toBe('unknown')
      await stage.reports(true)
    },
    120_000,
  )
})
