import type { ChannelAccount, ChannelNumber } from '../db/generated/client.js'
import { AppError } from '../lib/errors.js'
import type { Provider } from '../providers/provider.js'
import { ProviderError } from '../providers/provider-error.js'
import type { Check } from './account-present.js'
import { credentialFields } from './credentials.js'

interface Subject {
  account: ChannelAccount
  numbers: ChannelNumber[]
  secret: string
}

// The caller waits, and a provider refuses too many calls at once
const together = 5

/**
 * Asks the provider about the credentials and, where they are right and it can tell, about each number.
 * Throws `provider_unreachable` where it gave no answer.
 */
export async function checkAccount(
  provider: Provider,
  { account, numbers, secret }: Subject,
): Promise<Check[]> {
  const credentials = credentialFields(account.provider, { accountId: account.providerAccountId, secret })
  try {
    const { ok, code, detail } = await provider.checkCredentials(credentials)
    const checks: Check[] = [{ check: 'credentials', ok, code, detail }]
    // Telesign has no way to ask for a number
    if (!ok || account.provider !== 'twilio') return checks
    if (account.sandbox) return [...checks, ...numbers.map(notChecked)]
    for (let start = 0; start < numbers.length; start += together) {
      const some = numbers.slice(start, start + together)
      checks.push(...(await Promise.all(some.map((number) => checkNumber(provider, number, credentials)))))
    }
    return checks
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error
    throw new AppError('provider_unreachable', error.message)
  }
}

async function checkNumber(
  provider: Provider,
  { address, channel, type }: ChannelNumber,
  credentials: Record<string, string>,
): Promise<Check> {
  const { ok, code, detail } = await provider.checkNumber({ address, channel, type }, credentials)
  return { check: 'number', number: address, ok, code, detail }
}

const notChecked = ({ address }: ChannelNumber): Check => ({
  check: 'number',
  number: address,
  ok: true,
  code: 'not_checked',
  detail: `This is a sandbox account, so whether ${address} belongs to it was not checked.`,
})
