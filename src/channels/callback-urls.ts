import type { ProviderName } from '../db/generated/enums.js'

interface Callee {
  provider: ProviderName
  callbackToken: string
}

/**
 * Makes Twilio repeat a failed call, which by default it does only where no connection came about
 * (https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides): up to five times and for every kind of
 * failure. 4xx are among them because proxies answer 404 and 429 while a service behind them is being replaced; that a
 * wrongly signed call is repeated in vain costs nothing, since the quarantine keeps it once. All attempts share 15
 * seconds, of which the defaults of 5 s to connect and 15 s to answer would leave none for a second attempt.
 * The fragment is not part of what is called and signed.
 */
const repeats = '#rc=5&rp=all&ct=2000&rt=4000'

/** What the admin enters at the provider. */
export const callbackUrl = (publicUrl: string, { provider, callbackToken }: Callee): string =>
  `${publicUrl}/callbacks/${provider}/${callbackToken}${provider === 'twilio' ? repeats : ''}`

/** What goes along with each message, for its delivery reports. Telesign has one URL for both. */
export const statusCallbackUrl = (publicUrl: string, { provider, callbackToken }: Callee): string =>
  provider === 'twilio'
    ? `${publicUrl}/callbacks/twilio/${callbackToken}/status${repeats}`
    : callbackUrl(publicUrl, { provider, callbackToken })
