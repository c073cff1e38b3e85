import { setTimeout as pause } from 'node:timers/promises'
import type { MessageView } from '../../src/simulator/message-view.js'
import type { Kept } from '../support/ledger.js'
import { newCustomer, type TestAgent, type TestNumber, TestOrganization } from '../support/organization.js'
import { eventually, type ServiceDoor } from '../support/service.js'

const customersAtOnce = 12
const turns = 12
const fewMore = 8

/** Customers who write and agents who answer, all the time; and a book of what the service has promised to whom. */
export class Load {
  /** Texts of customers, by customer, in the order in which they were answered 200; and those that were not */
  private readonly written = new Map<string, string[]>()
  /** Texts that nobody promised anything about: there at most once */
  private readonly doubtful = new Set<string>()
  /** Answers of agents that were answered 202 */
  private readonly replies = new Set<string>()
  private isOver = false
  private running: Promise<unknown> = Promise.resolve()

  private constructor(
    private readonly org: TestOrganization,
    private readonly agent: TestAgent,
    private readonly random: () => number,
  ) {}

  static async begin(service: ServiceDoor, random: () => number): Promise<Load> {
    const org = await TestOrganization.create(service)
    await org.allowSessions(10_000)
    const agent = await org.addAgent({ capacityUnits: 10_000, lasting: true })
    const numbers = [await org.addNumber('twilio sms'), await org.addNumber('telesign sms')]
    const load = new Load(org, agent, random)
    load.running = Promise.all(
      Array.from({ length: customersAtOnce }, (_, index) => load.converse(numbers[index % 2] as TestNumber)),
    )
    return load
  }

  get taken(): number {
    return [...this.written.values()].flat().length + this.replies.size
  }

  toString(): string {
    const texts = [...this.written.values()].flat().length
    return `${texts} callbacks answered 200, ${this.replies.size} replies answered 202, ${this.doubtful.size} in doubt`
  }

  /** Until a few more promises have been given, now and then of replies. Fails where the service does not come back. */
  async goesOn(): Promise<void> {
    const given = this.random() < 0.3 ? () => this.replies.size : () => this.taken
    const enough = given() + fewMore
    await eventually(
      async () => given(),
      (now) => now >= enough,
      60_000,
    )
  }

  async end(): Promise<void> {
    this.isOver = true
    await this.running
  }

  /** One customer after another: writes a few times, and is answered as soon as an agent has the conversation. */
  private async converse(number: TestNumber): Promise<void> {
    while (!this.isOver) {
      const customer = newCustomer()
      this.written.set(customer, [])
      for (let turn = 1; turn <= turns && !this.isOver; turn++) {
        await this.write(customer, number, `${customer} asks ${turn}`)
        await this.answer(customer, `${customer} is answered ${turn}`)
        await pause(this.random() * 100)
      }
    }
  }

  private async write(customer: string, number: TestNumber, text: string): Promise<void> {
    const wasTaken = await this.org.customerTexts(customer, number, text).then(
      () => true,
      () => false,
    )
    if (wasTaken) this.written.get(customer)?.push(text)
    else this.doubtful.add(text)
  }

  private async answer(customer: string, text: string): Promise<void> {
    const { body } = await this.org.admin.get(
      `/v1/conversations?customerAddress=${encodeURIComponent(customer)}`,
    )
    const conversation = body.data?.[0]
    if (conversation?.agentId !== this.agent.id) return
    const as = this.org.as(this.agent)
    if (!conversation.acceptedAt) await as.post(`/v1/conversations/${conversation.id}/accept`)
    const { status } = await as.post(`/v1/conversations/${conversation.id}/messages`, { text })
    if (status === 202) this.replies.add(text)
  }

  /** Every broken promise, in words. */
  check(kept: readonly Kept[], sent: readonly MessageView[]): string[] {
    const rows = new Map(kept.map((row) => [row.text, row]))
    const timesKept = count(kept.map(({ text }) => text))
    const timesSent = count(sent.map(({ text }) => text))
    const wrong: string[] = []
    for (const [text, times] of [...timesKept, ...timesSent])
      if (times > 1) wrong.push(`${times} times: ${text}`)
    for (const [customer, texts] of this.written) {
      const own = kept.flatMap(({ text, direction }) =>
        direction === 'inbound' && texts.includes(text) ? text : [],
      )
      if (own.join() !== texts.join()) wrong.push(`${customer} wrote ${texts.join()}, kept is ${own.join()}`)
    }
    for (const { text, direction, announced } of kept)
      if (direction === 'inbound' && announced !== 1) wrong.push(`told ${announced} times: ${text}`)
    for (const text of this.replies) wrong.push(...wrongReply(text, rows.get(text), timesSent.get(text) ?? 0))
    for (const { text } of sent) if (!rows.has(text)) wrong.push(`sent by nobody: ${text}`)
    return wrong
  }
}

function wrongReply(text: string, row: Kept | undefined, sent: number): string[] {
  if (!row) return [`lost: ${text}`]
  if (row.status === 'unknown') return row.toldUnknown > 0 ? [] : [`unknown, and nobody was told: ${text}`]
  const isSent = ['sent', 'delivered'].includes(row.status)
  return isSent && sent === 1 ? [] : [`${row.status}, and the provider has sent it ${sent} times: ${text}`]
}

function count(texts: readonly string[]): Map<string, number> {
  const times = new Map<string, number>()
  for (const text of texts) times.set(text, (times.get(text) ?? 0) + 1)
  return times
}
