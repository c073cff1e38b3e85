import { setTimeout as wait } from 'node:timers/promises'
import { CallbackSender } from './callback-sender.js'
import { HttpPoster } from './http-post.js'
import { Reports } from './reports.js'
import type { CallbackOutcome, SentCallback, SimulatedMessage } from './state.js'
import { SimulatorState } from './state.js'
import { reportBody, telesignCallback, telesignRetryPolicy } from './telesign-callbacks.js'
import { statusParams, twilioCallback, twilioRetryPolicy } from './twilio-callbacks.js'

/** What the provider side and the customer side share: the state, and the calls to the business. */
export class Engine {
  readonly state = new SimulatorState()
  readonly reports = new Reports(this.state)
  private readonly poster = new HttpPoster()
  private readonly sender: CallbackSender
  /** Where the simulator is reached; known once it listens. */
  url = ''

  constructor(log: (line: string) => void) {
    this.sender = new CallbackSender(this.poster, log)
  }

  /** How long the providers' APIs take to answer. */
  async latency(): Promise<void> {
    const { latencyMs } = this.state.settings
    if (latencyMs > 0) await wait(latencyMs)
  }

  /** Makes the call and keeps it with its message, for a later replay. */
  async call(
    message: SimulatedMessage,
    callback: SentCallback,
    configuredUrl: string,
  ): Promise<CallbackOutcome> {
    message.callbacks.push(callback)
    return this.repeat(message, callback, configuredUrl)
  }

  /** Gives a call up before it was made; a replay makes it later. */
  lose(message: SimulatedMessage, callback: SentCallback): CallbackOutcome {
    message.callbacks.push(callback)
    return { status: null, body: '', contentType: null, attempts: 0, error: 'lost by the simulated fault' }
  }

  /** Makes a call again exactly as it was. Its answer is not kept. */
  repeat(message: SimulatedMessage, callback: SentCallback, configuredUrl: string): Promise<CallbackOutcome> {
    const policy =
      message.provider === 'twilio'
        ? twilioRetryPolicy(configuredUrl, this.state.settings)
        : telesignRetryPolicy(this.state.settings)
    return this.sender.send(callback, policy)
  }

  async reportTwilio(message: SimulatedMessage, status: string): Promise<void> {
    const secret = this.state.account('twilio', message.accountId)?.secret
    if (message.reportUrl === null || secret === undefined) return
    const params = statusParams(message, status)
    const callback = twilioCallback({ kind: 'status', url: message.reportUrl, params, secret })
    await this.call(message, callback, message.reportUrl)
  }

  async reportTelesign(message: SimulatedMessage, status: string): Promise<void> {
    const secret = this.state.account('telesign', message.accountId)?.secret
    if (message.reportUrl === null || secret === undefined) return
    const callback = telesignCallback({
      kind: 'status',
      status,
      url: message.reportUrl,
      body: reportBody(message, Number(status)),
      customerId: message.accountId,
      secret,
    })
    await this.call(message, callback, message.reportUrl)
  }

  stop(): void {
    this.reports.stop()
    this.sender.stop()
    this.poster.close()
  }
}
