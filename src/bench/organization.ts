import { randomBytes } from 'node:crypto'
import type { Simulator } from '../simulator/server.js'
import { type ApiClient, apiClient, inParallel } from './api-client.js'
import type { CallbackTarget } from './callbacks.js'
import type { ServiceProcess } from './service-process.js'

export interface Organization {
  id: string
  adminKey: string
  admin: ApiClient
}

/** A new organization with everything that the service gives one. */
export async function createOrganization(service: ServiceProcess, name: string): Promise<Organization> {
  const platform = apiClient(service.url, service.platformKey)
  const { id, apiKey } = await platform.post<{ id: string; apiKey: { key: string } }>('/v1/organizations', {
    name,
  })
  return { id, adminKey: apiKey.key, admin: apiClient(service.url, apiKey.key) }
}

/** So that one agent can have all conversations that a measurement needs. */
export const allowManySessions = ({ admin }: Pick<Organization, 'admin'>): Promise<void> =>
  admin.put('/v1/presence-settings', { sessionsPerAgent: 10_000 })

/** A Twilio SMS account with these numbers, known to the simulator; one target for each number. */
export async function createAccount(
  { admin }: Organization,
  simulator: Simulator,
  { name, numbers }: { name: string; numbers: readonly string[] },
): Promise<CallbackTarget[]> {
  const credentials = {
    accountSid: `AC${randomBytes(16).toString('hex')}`,
    authToken: randomBytes(16).toString('hex'),
  }
  const kind = { provider: 'twilio', channel: 'sms', credentials } as const
  const { id, callbackUrl } = await admin.post<{ id: string; callbackUrl: string }>('/v1/channel-accounts', {
    name,
    ...kind,
  })
  // Far above what is measured over all numbers, so that the pace of none binds
  await inParallel(numbers, (number) =>
    admin.post('/v1/channel-numbers', { accountId: id, number, messagesPerSecond: 100 }),
  )
  simulator.accounts.add({ ...kind, callbackUrl, numbers: numbers.map((number) => ({ number })) })
  return numbers.map((number) => ({ ...credentials, number, callbackUrl }))
}
