import type { ChannelAccount } from '../db/generated/client.js'
import { callbackUrl } from './callback-urls.js'
import { credentialFields } from './credentials.js'
import { type ProviderSetup, providerSetup } from './provider-setup.js'

/** One thing that a validation looked at. */
export interface Check {
  check: 'credentials' | 'number'
  number?: string
  ok: boolean
  code?: string
  detail: string
}

interface ShownAccount
  extends Pick<ChannelAccount, 'id' | 'name' | 'channel' | 'provider' | 'sandbox' | 'quarantineDropped'> {
  credentials: Record<string, string>
  previousSecretUntil: string | null
  callbackUrl: string
  providerSetup: ProviderSetup
  validation: { status: ChannelAccount['validationStatus']; checkedAt: string | null; checks: Check[] }
  backfill: { checkedUntil: string | null; nextAt: string | null; problem: string | null } | null
  createdAt: string
  updatedAt: string
}

/** For the audit log: without the address whose token lets callbacks in, and what is derived from it. */
export function auditedAccount(shown: ShownAccount): object {
  const { callbackUrl: _token, providerSetup: _derived, ...audited } = shown
  return audited
}

const mask = '••••'

/** An account as callers see it: of its secret no more than the last four characters. */
export function presentAccount(row: ChannelAccount, publicUrl: string, now: Date): ShownAccount {
  const url = callbackUrl(publicUrl, row)
  const { previousSecretUntil } = row
  const isKept = previousSecretUntil !== null && previousSecretUntil > now
  return {
    id: row.id,
    name: row.name,
    channel: row.channel,
    provider: row.provider,
    credentials: credentialFields(row.provider, {
      accountId: row.providerAccountId,
      secret: mask + row.secretLastFour,
    }),
    previousSecretUntil: isKept ? previousSecretUntil.toISOString() : null,
    sandbox: row.sandbox,
    callbackUrl: url,
    providerSetup: providerSetup(row, url),
    validation: {
      status: row.validationStatus,
      checkedAt: row.validationCheckedAt?.toISOString() ?? null,
      checks: row.validationChecks as unknown as Check[],
    },
    quarantineDropped: row.quarantineDropped,
    backfill: row.provider === 'twilio' ? presentBackfill(row) : null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  }
}

const presentBackfill = ({ backfilledUntil, backfillDueAt, backfillProblem }: ChannelAccount) => ({
  checkedUntil: backfilledUntil?.toISOString() ?? null,
  nextAt: backfillDueAt?.toISOString() ?? null,
  problem: backfillProblem,
})
