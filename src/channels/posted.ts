import { storable } from '../lib/storable.js'
import type { CallbackIdentity, CallbackRequest, Provider } from '../providers/provider.js'
import type { KnownAccount } from './account-memory.js'
import type { NewCallback } from './callback-repository.js'

/** A callback on its way in. */
export interface Posted {
  id: string
  request: CallbackRequest
  identity: CallbackIdentity
  receivedAt: Date
}

/** Whether the account's live secret made the signature, or during a rotation the one before it. */
export function isGenuine(
  provider: Provider,
  request: CallbackRequest,
  { account, now }: { account: KnownAccount; now: number },
): boolean {
  if (provider.verify(request, account.secret)) return true
  const { previousSecret, previousSecretUntil } = account
  return previousSecret !== null && now < previousSecretUntil && provider.verify(request, previousSecret)
}

const mostContentType = 200

/** As it is kept. The signature was checked over what really came, NUL characters included. */
export const toNewCallback = (
  { orgId, id, version }: KnownAccount,
  { id: callbackId, request, identity, receivedAt }: Posted,
): NewCallback => ({
  orgId,
  accountId: id,
  version,
  id: callbackId,
  kind: identity.kind,
  key: identity.key,
  lane: identity.lane,
  url: storable(request.url),
  contentType: (request.headers['content-type'] ?? '').slice(0, mostContentType),
  body: storable(request.body),
  receivedAt,
})
