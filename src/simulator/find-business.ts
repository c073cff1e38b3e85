import { canonicalAddress, isBusinessScopedId } from './addresses.js'
import type { Account, BusinessNumber, Channel, SimulatorState } from './state.js'

/** What a person got wrong; the message says what to do. */
export class CustomerError extends Error {}

/** The account and number that a customer means by `to`. */
export function findBusiness(
  state: SimulatorState,
  given: { from: string; to: string; channel?: Channel | undefined; accountId?: string | undefined },
): { account: Account; number: BusinessNumber } {
  const wanted = canonicalAddress(given.to)
  const from = canonicalAddress(given.from)
  const named =
    given.channel ??
    (/^whatsapp:/i.test(given.to.trim()) || /^whatsapp:/i.test(given.from.trim()) || isBusinessScopedId(from)
      ? 'whatsapp'
      : undefined)
  const found = [...state.accounts.values()].flatMap((account) =>
    account.numbers
      .filter((number) => number.number === wanted && (named === undefined || number.channel === named))
      .filter(() => given.accountId === undefined || given.accountId === account.id)
      .map((number) => ({ account, number })),
  )
  const inChannel = found.filter((each) => each.number.channel === (named ?? 'sms'))
  const candidates = inChannel.length > 0 ? inChannel : found
  const [business, second] = candidates
  if (!business) {
    const channel = named === undefined ? '' : ` on ${named}`
    throw new CustomerError(
      `to: no account has the number ${wanted}${channel}; GET /accounts shows what there is`,
    )
  }
  if (second) {
    const ids = candidates.map((each) => each.account.id).join(', ')
    throw new CustomerError(`to: several accounts have ${wanted}; add accountId, one of ${ids}`)
  }
  return business
}
