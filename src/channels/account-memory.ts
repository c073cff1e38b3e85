import type { Database } from '../db/database.js'
import type { SecretBox } from '../lib/secret-box.js'
import { type CallbackAccount, findCallbackAccount } from './callback-repository.js'

/** An account with open secrets, as a process remembers it. Never log it. */
export interface KnownAccount extends Omit<CallbackAccount, 'previousSecretUntil'> {
  previousSecretUntil: number
}

// Some ten megabytes
const mostAccounts = 10_000

/**
 * The accounts that callbacks came for, so that a callback needs no query of its own. What is remembered may be out of
 * date: storing refuses a callback that was checked with an older version, and a signature that fails is checked again
 * after a new look.
 */
export class AccountMemory {
  private readonly known = new Map<string, KnownAccount>()
  private readonly looking = new Map<string, Promise<KnownAccount | null>>()

  constructor(
    private readonly db: Database,
    private readonly secretBox: SecretBox,
  ) {}

  recall(token: string): KnownAccount | undefined {
    return this.known.get(token)
  }

  /** For an account that is not remembered: many callbacks that ask at once share one query. */
  find(token: string): Promise<KnownAccount | null> {
    const look = this.looking.get(token) ?? this.look(token).finally(() => this.looking.delete(token))
    this.looking.set(token, look)
    return look
  }

  /** The account as it is now; null if there is none. */
  async look(token: string): Promise<KnownAccount | null> {
    const found = await findCallbackAccount(this.db, token)
    this.known.delete(token)
    if (!found) return null
    const account = this.open(found)
    this.known.set(token, account)
    if (this.known.size > mostAccounts) this.forgetOldest()
    return account
  }

  private open(account: CallbackAccount): KnownAccount {
    const { secret, previousSecret, previousSecretUntil, id } = account
    return {
      ...account,
      secret: this.secretBox.open(secret, id),
      previousSecret: previousSecret && this.secretBox.open(previousSecret, id),
      previousSecretUntil: previousSecretUntil?.getTime() ?? 0,
    }
  }

  private forgetOldest(): void {
    const [oldest] = this.known.keys()
    if (oldest !== undefined) this.known.delete(oldest)
  }
}
