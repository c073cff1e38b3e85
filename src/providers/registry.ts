import type { Provider, ProviderName } from './provider.js'
import { createTelesign } from './telesign/provider.js'
import { createTwilio } from './twilio/provider.js'

export type Providers = Readonly<Record<ProviderName, Provider>>

const callTimeoutMs = 15_000

/**
 * @param options.twilioApiUrl, options.telesignApiUrl base URLs in place of the providers' own hosts; null: the real ones
 * @param options.callTimeoutMs how long a provider may take to answer; only tests want it shorter
 */
export function createProviders(options: {
  twilioApiUrl: string | null
  telesignApiUrl: string | null
  callTimeoutMs?: number
}): Providers {
  const timeoutMs = options.callTimeoutMs ?? callTimeoutMs
  return {
    twilio: createTwilio(options.twilioApiUrl, timeoutMs),
    telesign: createTelesign(options.telesignApiUrl, timeoutMs),
  }
}
