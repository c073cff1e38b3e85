import type { OrgTx } from '../db/database.js'
import type { ProviderName } from '../db/generated/enums.js'
import { isId } from '../lib/ids.js'
import type { SecretBox } from '../lib/secret-box.js'
import { findAccounts } from './account-repository.js'
import { statusCallbackUrl } from './callback-urls.js'
import { credentialFields } from './credentials.js'

/** An account as it is needed to call its provider. Holds the open secret: never log it, never store it. */
export interface SendingAccount {
  provider: ProviderName
  /** In the fields of the provider's adapter */
  credentials: Record<string, string>
  sandbox: boolean
  /** Absolute, for delivery reports */
  statusCallbackUrl: string
  deletedAt: Date | null
}

/** Opens the sealed secrets of channel accounts. */
export class AccountSecrets {
  constructor(
    private readonly secretBox: SecretBox,
    private readonly publicUrl: string,
  ) {}

  /** By account id, deleted accounts included: what they have under way may still have to be settled. */
  async open(tx: OrgTx, accountIds: readonly string[]): Promise<Map<string, SendingAccount>> {
    const rows = await findAccounts(tx, [...new Set(accountIds)].filter(isId))
    return new Map(
      rows.map((row) => [
        row.id,
        {
          provider: row.provider,
          credentials: credentialFields(row.provider, {
            accountId: row.providerAccountId,
            secret: this.secretBox.open(row.secret, row.id),
          }),
          sandbox: row.sandbox,
          statusCallbackUrl: statusCallbackUrl(this.publicUrl, row),
          deletedAt: row.deletedAt,
        },
      ]),
    )
  }
}
