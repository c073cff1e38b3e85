import type { Database } from '../db/database.js'
import { isDuplicate } from '../db/faults.js'
import type { ChannelAccount } from '../db/generated/client.js'
import type { Channel, ProviderName } from '../db/generated/enums.js'
import { type Page, type PageRequest, pageById } from '../db/page.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import { type Clock, hours, later } from '../lib/clock.js'
import { AppError, invalidField } from '../lib/errors.js'
import { given } from '../lib/given.js'
import { newId } from '../lib/ids.js'
import type { SecretBox } from '../lib/secret-box.js'
import { equalSecrets, newToken } from '../lib/tokens.js'
import type { Providers } from '../providers/registry.js'
import { auditedAccount, type Check, presentAccount } from './account-present.js'
import {
  getAccount,
  insertAccount,
  isChannelEnabled,
  listAccounts,
  lockAccount,
  saveValidation,
  updateAccount,
} from './account-repository.js'
import { readEvery } from './backfill-schedule.js'
import { checkAccount } from './check-account.js'
import { type Credentials, naming } from './credentials.js'
import { listNumbersOf } from './number-repository.js'
import { readCredentials } from './read-credentials.js'

interface Parts {
  db: Database
  clock: Clock
  providers: Providers
  secretBox: SecretBox
  publicUrl: string
}

export interface NewAccount {
  name: string
  channel: Channel
  provider: ProviderName
  /** In the provider's own fields: `{ customerId, apiKey }` or `{ accountSid, authToken }` */
  credentials: Record<string, string>
  sandbox?: boolean | undefined
}

export interface AccountChange {
  name?: string | undefined
  sandbox?: boolean | undefined
  credentials?: Record<string, string> | undefined
  /** 0..168; without it the secret before counts for nothing at once */
  keepPreviousSecretForHours?: number | undefined
}

type Shown = ReturnType<typeof presentAccount>

/** An organization's accounts at providers. Who may set secrets is decided by the routes. */
export class ChannelAccountService {
  constructor(private readonly parts: Parts) {}

  /** Throws `channel_disabled`, `conflict` for a name in use, `validation_failed` for credentials of the wrong form. */
  async create(caller: OrgCaller, { name, channel, provider, sandbox, ...rest }: NewAccount): Promise<Shown> {
    const { db, clock, providers } = this.parts
    if (!providers[provider].channels.includes(channel)) throw channelNotOffered(provider)
    const credentials = readCredentials(providers[provider], rest.credentials)
    return db
      .inOrg(caller, async (tx) => {
        if (!(await isChannelEnabled(tx, channel))) throw channelDisabled(channel)
        const id = newId()
        const now = clock.now()
        const row = await insertAccount(tx, {
          id,
          name,
          channel,
          provider,
          ...this.sealed(id, credentials),
          callbackToken: newToken(),
          sandbox: sandbox ?? false,
          backfillDueAt: providers[provider].listsMessages ? later(now, readEvery) : null,
          createdAt: now,
          updatedAt: now,
        })
        const shown = this.present(row)
        const after = auditedAccount(shown)
        await recordAudit(tx, caller, { action: 'channel_account.created', subjectId: id, at: now, after })
        return shown
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(name) : error
      })
  }

  list(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.parts.db.inOrg(caller, async (tx) => {
      const { data, nextCursor } = pageById(await listAccounts(tx, page), page)
      return { data: data.map((row) => this.present(row)), nextCursor }
    })
  }

  get(caller: OrgCaller, id: string): Promise<Shown> {
    return this.parts.db.inOrg(caller, async (tx) => this.present(await getAccount(tx, id)))
  }

  /** New credentials rotate the secret: the one before stays valid for callbacks as long as the admin says. */
  update(caller: OrgCaller, id: string, { name, sandbox, ...rotation }: AccountChange): Promise<Shown> {
    const { db, clock } = this.parts
    return db
      .inOrg(caller, async (tx) => {
        const now = clock.now()
        const account = await lockAccount(tx, id)
        const rotated = this.rotate(account, rotation, now)
        const isOther = rotated !== null || (sandbox !== undefined && sandbox !== account.sandbox)
        await updateAccount(tx, id, {
          ...given({ name, sandbox }),
          ...rotated,
          ...(isOther && notValidated),
          updatedAt: now,
        })
        const shown = this.present(await getAccount(tx, id))
        await recordAudit(tx, caller, {
          action: 'channel_account.changed',
          subjectId: id,
          at: now,
          before: auditedAccount(this.present(account)),
          after: auditedAccount(shown),
        })
        return shown
      })
      .catch((error) => {
        throw isDuplicate(error) ? nameTaken(name ?? '') : error
      })
  }

  /** Its callbacks are unknown from now on. Refused while it has numbers. */
  delete(caller: OrgCaller, id: string): Promise<void> {
    return this.parts.db.inOrg(caller, async (tx) => {
      const account = await lockAccount(tx, id)
      const numbers = await listNumbersOf(tx, id)
      if (numbers.length > 0) throw hasNumbers(numbers.map(({ address }) => address))
      const now = this.parts.clock.now()
      await updateAccount(tx, id, { deletedAt: now, version: account.version + 1, updatedAt: now })
      const before = auditedAccount(this.present(account))
      await recordAudit(tx, caller, { action: 'channel_account.deleted', subjectId: id, at: now, before })
    })
  }

  /** Asks the provider, outside any transaction. Throws `provider_unreachable`; nothing is stored then. */
  async validate(
    caller: OrgCaller,
    id: string,
  ): Promise<{ status: 'valid' | 'invalid'; checkedAt: string; checks: Check[] }> {
    const { db, clock, providers, secretBox } = this.parts
    const { account, numbers } = await db.inOrg(caller, async (tx) => ({
      account: await getAccount(tx, id),
      numbers: await listNumbersOf(tx, id),
    }))
    const secret = secretBox.open(account.secret, account.id)
    const checks = await checkAccount(providers[account.provider], { account, numbers, secret })
    const status: 'valid' | 'invalid' = checks.every(({ ok }) => ok) ? 'valid' : 'invalid'
    const checkedAt = clock.now()
    const after = { status, checkedAt: checkedAt.toISOString(), checks }
    await db.inOrg(caller, async (tx) => {
      await saveValidation(tx, account, {
        validationStatus: status,
        validationCheckedAt: checkedAt,
        validationChecks: checks.map((check) => ({ ...check })),
      })
      await recordAudit(tx, caller, {
        action: 'channel_account.validated',
        subjectId: id,
        at: checkedAt,
        before: this.present(account).validation,
        after,
      })
    })
    return after
  }

  /** What new credentials change in the row; null where they are the ones that it has. */
  private rotate(
    account: ChannelAccount,
    { credentials, keepPreviousSecretForHours = 0 }: AccountChange,
    now: Date,
  ) {
    if (credentials === undefined) return null
    const next = readCredentials(this.parts.providers[account.provider], credentials)
    const before = this.openOrNull(account)
    const isSame = before !== null && equalSecrets(next.secret, before)
    if (next.accountId === account.providerAccountId && isSame) return null
    const isKept = keepPreviousSecretForHours > 0 && before !== null
    return {
      ...this.sealed(account.id, next),
      previousSecret: isKept ? account.secret : null,
      previousSecretUntil: isKept ? later(now, hours(keepPreviousSecretForHours)) : null,
      version: account.version + 1,
    }
  }

  /** Where its key is lost, new credentials are the way out. */
  private openOrNull({ secret, id }: ChannelAccount): string | null {
    try {
      return this.parts.secretBox.open(secret, id)
    } catch {
      return null
    }
  }

  private sealed(id: string, { accountId, secret }: Credentials) {
    return {
      providerAccountId: accountId,
      secret: this.parts.secretBox.seal(secret, id),
      secretLastFour: secret.slice(-4),
    }
  }

  private present(row: ChannelAccount): Shown {
    return presentAccount(row, this.parts.publicUrl, this.parts.clock.now())
  }
}

const notValidated = {
  validationStatus: 'not_validated',
  validationCheckedAt: null,
  validationChecks: [],
} as const

const channelNotOffered = (provider: ProviderName) =>
  invalidField('channel', `${naming[provider].provider} has SMS only. WhatsApp goes through Twilio.`)

export const channelDisabled = (channel: Channel) =>
  new AppError(
    'channel_disabled',
    `The channel ${channel} is switched off for your organization. Ask its operator.`,
  )

const nameTaken = (name: string) =>
  new AppError('conflict', `There is already a channel account with the name "${name}".`)

const mostNamed = 5

const hasNumbers = (addresses: string[]) => {
  const named = addresses.slice(0, mostNamed).join(', ')
  const more = addresses.length > mostNamed ? ` and ${addresses.length - mostNamed} more` : ''
  return new AppError('conflict', `This account still has numbers: delete ${named}${more} first.`)
}
