import { setTimeout as wait } from 'node:timers/promises'
import type { HttpPoster, PostResult } from './http-post.js'
import type { CallbackOutcome, SentCallback } from './state.js'

export interface RetryPolicy {
  connectMs: number
  readMs: number
  /** One wait before each repeat. */
  waitsMs: number[]
  /** Whether the provider takes this result for a failure that it repeats. */
  isFailure(result: PostResult): boolean
}

/** Makes a provider's call to the business, repeated as that provider does. */
export class CallbackSender {
  private readonly stopping = new AbortController()

  constructor(
    private readonly poster: HttpPoster,
    private readonly log: (line: string) => void,
  ) {}

  /** Resolves when the call got through or the provider has given up; never throws. */
  async send(callback: SentCallback, policy: RetryPolicy): Promise<CallbackOutcome> {
    let attempts = 0
    let result = await this.attempt(callback, policy)
    for (attempts = 1; attempts <= policy.waitsMs.length && policy.isFailure(result); attempts++) {
      if (!(await this.pause(policy.waitsMs[attempts - 1] ?? 0))) break
      result = await this.attempt(callback, policy)
    }
    const outcome = toOutcome(result, attempts)
    callback.outcome = outcome
    if (outcome.status === null || outcome.status >= 400) {
      this.log(`simulator: ${callback.kind} callback failed: ${outcome.status ?? outcome.error}`)
    }
    return outcome
  }

  stop(): void {
    this.stopping.abort()
  }

  private attempt(callback: SentCallback, policy: RetryPolicy): Promise<PostResult> {
    const { headers, body } = callback
    const { connectMs, readMs } = policy
    return this.poster.post({ url: new URL(callback.url), headers, body, connectMs, readMs })
  }

  private pause(ms: number): Promise<boolean> {
    return wait(ms, true, { signal: this.stopping.signal }).catch(() => false)
  }
}

function toOutcome(result: PostResult, attempts: number): CallbackOutcome {
  if (result.kind !== 'answer')
    return { status: null, body: '', contentType: null, attempts, error: result.error }
  const { status, body, contentType } = result
  return { status, body, contentType, attempts, error: null }
}
