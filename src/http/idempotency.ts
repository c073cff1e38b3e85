import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Database, OrgTx } from '../db/database.js'
import type { Prisma } from '../db/generated/client.js'
import type { Caller } from '../lib/caller.js'
import { type Clock, hours, later, seconds } from '../lib/clock.js'
import { AppError } from '../lib/errors.js'
import { platformScope } from '../lib/ids.js'
import { sha256 } from '../lib/tokens.js'

interface Reservation {
  orgId: string
  scope: string
  key: string
  fingerprint: string
}

declare module 'fastify' {
  interface FastifyRequest {
    reservation: Reservation | null
  }
}

type FirstAnswer = { status: number; response: unknown }

// Longer than any request takes; after it a call whose process died may be made again
const lockMilliseconds = seconds(60)
const keptFor = hours(24)
const retryMilliseconds = 50
const waitMilliseconds = seconds(30)

/**
 * Honours Idempotency-Key on routes that create something. The first answer is stored in the transaction that creates
 * (`beforeCommit` of the caller's scope), so there is no moment at which the row exists and the answer does not. A call
 * that failed created nothing and leaves its key free.
 */
export function registerIdempotency(app: FastifyInstance, db: Database, clock: Clock): void {
  app.decorateRequest('reservation', null)
  app.addHook('preHandler', async (request, reply) => {
    const status = request.routeOptions.config.creates
    if (!status || !request.caller || !request.headers['idempotency-key']) return
    const reservation = describe(request, request.caller)
    const answer = await reserve(db, clock, reservation)
    if (answer) return reply.code(answer.status).header('idempotent-replayed', 'true').send(answer.response)
    request.reservation = reservation
    request.caller = {
      ...request.caller,
      beforeCommit: (tx, result) => keepAnswer(tx, reservation, { status, response: result }),
    }
  })
  app.addHook('onResponse', async (request, reply) => {
    if (request.reservation && reply.statusCode >= 400) await release(db, request.reservation)
  })
}

function describe(request: FastifyRequest, caller: Caller): Reservation {
  const key = String(request.headers['idempotency-key'])
  if (key.length > 255) {
    throw new AppError('validation_failed', 'An Idempotency-Key has at most 255 characters.', {
      errors: [{ path: 'Idempotency-Key', message: 'at most 255 characters' }],
    })
  }
  return {
    orgId: caller.kind === 'platform' ? platformScope : caller.orgId,
    // Hashed: an address may be longer than an index takes
    scope: sha256(
      `${caller.kind === 'platform' ? 'platform' : caller.keyId} ${request.method} ${request.url}`,
    ),
    key,
    fingerprint: sha256(JSON.stringify(request.body ?? null)),
  }
}

/** Reserves the key, or answers what the first call was answered; waits for a first call that is under way. */
async function reserve(db: Database, clock: Clock, wanted: Reservation): Promise<FirstAnswer | null> {
  const deadline = clock.now().getTime() + waitMilliseconds
  while (clock.now().getTime() < deadline) {
    const outcome = await db.inOrg(wanted.orgId, (tx) => tryReserve(tx, clock.now(), wanted))
    if (outcome !== 'under_way') return outcome === 'reserved' ? null : outcome
    await pause(retryMilliseconds)
  }
  throw new AppError(
    'unavailable',
    'The first call with this Idempotency-Key is still under way. Try again shortly.',
  )
}

async function tryReserve(
  tx: OrgTx,
  now: Date,
  wanted: Reservation,
): Promise<FirstAnswer | 'reserved' | 'under_way'> {
  const { orgId, scope, key, fingerprint } = wanted
  const lockedUntil = later(now, lockMilliseconds)
  const created = await tx.idempotencyKey.createMany({
    data: [{ orgId, scope, key, fingerprint, lockedUntil, createdAt: now }],
    skipDuplicates: true,
  })
  if (created.count === 1) return 'reserved'
  const first = await tx.idempotencyKey.findFirst({ where: { scope, key } })
  if (!first) return 'under_way'
  if (first.createdAt <= later(now, -keptFor)) {
    // Past its time and not yet deleted: it means nothing any more
    await tx.idempotencyKey.deleteMany({ where: { scope, key, createdAt: first.createdAt } })
    return 'under_way'
  }
  if (first.fingerprint !== fingerprint) {
    throw new AppError(
      'idempotency_key_reused',
      'This Idempotency-Key came with another body before. Use a new key.',
    )
  }
  if (first.status !== null) return { status: first.status, response: first.response }
  const taken = await tx.idempotencyKey.updateMany({
    where: { scope, key, status: null, lockedUntil: { lte: now } },
    data: { lockedUntil },
  })
  return taken.count === 1 ? 'reserved' : 'under_way'
}

async function keepAnswer(tx: OrgTx, { orgId, scope, key }: Reservation, answer: FirstAnswer): Promise<void> {
  await tx.$executeRaw`SELECT set_config('app.org_id', ${orgId}, true)`
  await tx.idempotencyKey.updateMany({
    where: { scope, key },
    data: { status: answer.status, response: withoutSecrets(answer.response) as Prisma.InputJsonValue },
  })
}

async function release(db: Database, { orgId, scope, key }: Reservation): Promise<void> {
  await db.inOrg(orgId, (tx) => tx.idempotencyKey.deleteMany({ where: { scope, key, status: null } }))
}

/** A repeated answer that carries a key or a token carries null in its place. */
function withoutSecrets(response: unknown): unknown {
  return JSON.parse(
    JSON.stringify(response, (name, value) =>
      (name === 'key' || name === 'token') && typeof value === 'string' ? null : value,
    ),
  )
}
