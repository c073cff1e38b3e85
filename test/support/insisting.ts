import { setTimeout as pause } from 'node:timers/promises'
import type { Response } from 'supertest'
import { newId } from '../../src/lib/ids.js'
import { type Caller, callerOf } from './service.js'

const retryMs = 50
/** A key that a dead process has reserved is free after a minute (decision 0007) */
const enough = 120_000

/**
 * A caller as the contract wants it: who gets no answer, or a 503, makes the same call again, with the Idempotency-Key of
 * the first.
 */
export function insistingCaller(url: string, key: string | null, patience = enough): Caller {
  const caller = callerOf(url, key)
  const insist = async (call: () => Promise<Response>): Promise<Response> => {
    const deadline = Date.now() + patience
    for (;;) {
      const answer = await call().catch((error: Error) => error)
      if (!(answer instanceof Error) && answer.status !== 503) return answer
      if (Date.now() > deadline)
        throw answer instanceof Error ? answer : new Error(JSON.stringify(answer.body))
      await pause(retryMs)
    }
  }
  return {
    get: (path) => insist(() => caller.get(path)),
    post: (path, body, headers) => {
      const repeatable = { 'idempotency-key': newId(), ...headers }
      return insist(() => caller.post(path, body, repeatable))
    },
    put: (path, body) => insist(() => caller.put(path, body)),
    patch: (path, body) => insist(() => caller.patch(path, body)),
    delete: (path) => insist(() => caller.delete(path)),
  }
}
