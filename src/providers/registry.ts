import type { Provider, ProviderName } from './provider.js'
import { createTelesign } from './telesign/provider.js'
import { createTwilio } from './twilio/provider.js'

export type Providers = Readonly<Record<ProviderName, Provider>>

/** @param urls base URLs that take the place of the providers' own hosts; null: the real ones */
export function createProviders(urls: {
  twilioApiUrl: string | null
  telesignApiUrl: string | null
}): Providers {
  return { twilio: createTwilio(urls.twilioApiUrl), telesign: createTelesign(urls.telesignApiUrl) }
}
