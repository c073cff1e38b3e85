import { canonicalAddress } from './addresses.js'
import { type AccountRegistration, accountSchema } from './customer-schemas.js'
import type { Account, AccountOptions, BusinessNumber, SimulatorState } from './state.js'

/**
 * Adds an account, or brings a known one up to date: credentials, callback URL and given options are replaced,
 * numbers are added or replaced one by one. Throws a ZodError that names what is wrong.
 */
export function registerAccount(state: SimulatorState, registration: AccountRegistration): Account {
  const given = accountSchema.parse(registration)
  const { id, secret } =
    'accountSid' in given.credentials
      ? { id: given.credentials.accountSid, secret: given.credentials.authToken }
      : { id: given.credentials.customerId, secret: given.credentials.apiKey }
  const known = state.account(given.provider, id)
  const numbers = given.numbers.map(
    ({ number, channel, type, capabilities }): BusinessNumber => ({
      number: canonicalAddress(number),
      channel: channel ?? given.channel,
      type,
      capabilities,
      callbackUrl: given.callbackUrl,
    }),
  )
  const kept = (known?.numbers ?? []).filter(
    (old) => !numbers.some((each) => each.number === old.number && each.channel === old.channel),
  )
  const account: Account = {
    id,
    provider: given.provider,
    secret,
    basicAuthorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
    callbackUrl: given.callbackUrl,
    numbers: [...kept, ...numbers],
    options: { ...(known?.options ?? defaultOptions(given.provider)), ...definedOptions(given.options) },
  }
  state.accounts.set(`${account.provider}:${id}`, account)
  return account
}

function defaultOptions(provider: Account['provider']): AccountOptions {
  return {
    status: 'active',
    optOut: provider === 'twilio' ? 'sync' : 'off',
    window: 'async',
    advancedOptOut: false,
    messagingServiceSid: null,
  }
}

function definedOptions(
  options: {
    [Key in keyof AccountOptions]?: AccountOptions[Key] | undefined
  },
): Partial<AccountOptions> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

/** The account for people: the secret down to its last four characters. */
export function accountView({ basicAuthorization: _authorization, secret, ...account }: Account) {
  return { ...account, secret: `…${secret.slice(-4)}` }
}
