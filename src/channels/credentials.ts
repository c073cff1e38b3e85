import type { ProviderName } from '../db/generated/enums.js'

/** What an organization's account at a provider is known by: an open name and a secret. */
export interface Credentials {
  /** Account SID or Customer ID */
  accountId: string
  /** Auth Token or API key: signs callbacks and authorizes calls */
  secret: string
}

interface Naming {
  provider: string
  accountField: string
  secretField: string
  /** As the provider's own pages call it */
  secretName: string
}

export const naming: Readonly<Record<ProviderName, Naming>> = {
  twilio: {
    provider: 'Twilio',
    accountField: 'accountSid',
    secretField: 'authToken',
    secretName: 'Auth Token',
  },
  telesign: {
    provider: 'Telesign',
    accountField: 'customerId',
    secretField: 'apiKey',
    secretName: 'API key',
  },
}

/** In the fields of the API and of the provider's adapter: `{ accountSid, authToken }` or `{ customerId, apiKey }`. */
export const credentialFields = (
  provider: ProviderName,
  { accountId, secret }: Credentials,
): Record<string, string> => ({
  [naming[provider].accountField]: accountId,
  [naming[provider].secretField]: secret,
})
