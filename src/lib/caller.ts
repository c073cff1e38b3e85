import type { OrgTx } from '../db/database.js'

export type Role = 'admin' | 'supervisor' | 'agent'

/** Where a call came from, as the audit log keeps it. */
export interface Origin {
  readonly requestId: string
  /** Of the connection, or what the proxies in TRUST_PROXY say */
  readonly address: string
  /** X-Forwarded-For: what a proxy, or anybody else, said */
  readonly forwardedFor: string | null
  readonly userAgent: string | null
}

/** Somebody who calls with an organization's API key or an agent's token. A unit of work takes it as its scope. */
export interface OrgCaller {
  readonly kind: 'organization'
  readonly orgId: string
  readonly keyId: string
  readonly role: Role
  readonly permissions: readonly string[]
  /** The agent it acts for; null for keys that name none */
  readonly agentId: string | null
  readonly agentName: string | null
  readonly origin: Origin
  /** Where the operator has set it */
  readonly requestsPerMinute?: { readonly organization: number | null; readonly key: number | null }
  readonly beforeCommit?: (tx: OrgTx, result: unknown) => Promise<void>
}

/** The operator. Has no access to any organization's rows. */
export interface PlatformCaller {
  readonly kind: 'platform'
  readonly origin: Origin
  readonly beforeCommit?: (tx: OrgTx, result: unknown) => Promise<void>
}

export type Caller = OrgCaller | PlatformCaller
