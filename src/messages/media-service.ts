import type { AccountSecrets } from '../channels/account-secrets.js'
import { findVisible } from '../conversations/reader.js'
import type { Database, OrgTx } from '../db/database.js'
import { faultName } from '../db/faults.js'
import type { Media } from '../db/generated/client.js'
import { RowByRow, type Take } from '../db/row-by-row.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import { type Clock, hours, later, seconds } from '../lib/clock.js'
import { AppError, notFound } from '../lib/errors.js'
import { newId } from '../lib/ids.js'
import type { Logger } from '../lib/logger.js'
import { ProviderError } from '../providers/provider-error.js'
import type { Providers } from '../providers/registry.js'
import type { MediaLinks } from './media-links.js'
import { maxUploadBytes } from './media-types.js'

export interface MediaParts {
  db: Database
  clock: Clock
  providers: Providers
  secrets: AccountSecrets
  links: MediaLinks
  log: Logger
}

export interface StoredFile {
  contentType: string
  fileName: string | null
  content: Uint8Array
}

const uploadLifetime = hours(24)
const maxAttempts = 8
const firstRetry = seconds(2)
// While one process fetches a file, no other does
const fetchLease = seconds(60)
const batchSize = 10

/** Files: agents' uploads, customers' files fetched from the provider, and serving both. */
export class MediaService {
  private readonly rows: RowByRow

  constructor(private readonly parts: MediaParts) {
    this.rows = new RowByRow({ ...parts, lane: 'media' })
  }

  get leftOut(): number {
    return this.rows.leftOut
  }

  /** Keeps a file for a message that is sent within 24 hours. */
  upload(caller: OrgCaller, { contentType, fileName, content }: StoredFile) {
    return this.parts.db.inOrg(caller, async (tx) => {
      const now = this.parts.clock.now()
      const id = newId()
      const expiresAt = later(now, uploadLifetime)
      const bytes = content.byteLength
      const data = {
        orgId: tx.orgId,
        id,
        status: 'stored' as const,
        contentType,
        fileName,
        bytes,
        createdAt: now,
        expiresAt,
      }
      await tx.media.create({ data })
      await tx.mediaContent.create({ data: { orgId: tx.orgId, mediaId: id, content: Buffer.from(content) } })
      return { id, contentType, fileName, bytes, expiresAt: expiresAt.toISOString() }
    })
  }

  /** A file of a conversation that the caller may see. Withheld ones are for admins only. */
  open(caller: OrgCaller, id: string): Promise<StoredFile> {
    return this.parts.db.inOrg(caller.orgId, async (tx) => {
      const media = await tx.media.findFirst({ where: { id } })
      if (!media || (media.withheld && caller.role !== 'admin')) throw notFound('file')
      if (media.messageId) await this.assertMaySee(tx, caller, media.messageId)
      if (media.status === 'pending')
        throw new AppError('unavailable', 'The file is being fetched from the provider. Try again shortly.')
      const file = await readContent(tx, media)
      const at = this.parts.clock.now()
      await recordAudit(tx, caller, { action: 'media.read', subjectId: id, at })
      return file
    })
  }

  /** What a signed link leads to. */
  openLink(link: {
    orgId: string
    mediaId: string
    expires: number
    signature: string
  }): Promise<StoredFile> {
    if (!this.parts.links.isValid(link)) throw notFound('file')
    return this.parts.db.inOrg(link.orgId, async (tx) => {
      const media = await tx.media.findFirst({ where: { id: link.mediaId } })
      if (!media) throw notFound('file')
      return readContent(tx, media)
    })
  }

  /** Fetches customers' files that are due. */
  async drain(orgId: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const due: Media[] = []
      const found = await this.rows.work(batchSize, async (take) => {
        const claimed = await this.claim(orgId, take)
        due.push(...claimed)
        return claimed.length
      })
      await Promise.all(due.map((media) => this.fetch(orgId, media)))
      if (found < batchSize) return
    }
  }

  private async assertMaySee(tx: OrgTx, caller: OrgCaller, messageId: string): Promise<void> {
    const message = await tx.message.findFirst({ where: { id: messageId }, select: { conversationId: true } })
    if (!message) throw notFound('file')
    await findVisible(tx, caller, message.conversationId)
  }

  /** Their attempt is counted before it begins: a file that ends the process is given up too. */
  private claim(orgId: string, { limit, except, took }: Take): Promise<Media[]> {
    return this.parts.db.inOrg(orgId, async (tx) => {
      const now = this.parts.clock.now()
      const rows = await tx.$queryRaw<{ id: string }[]>`
        SELECT id FROM media WHERE due_at <= ${now} AND id <> ALL (${except}::uuid[])
        ORDER BY due_at LIMIT ${limit} FOR UPDATE SKIP LOCKED`
      if (rows.length === 0) return []
      const ids = rows.map(({ id }) => id)
      took(ids)
      const where = { id: { in: ids } }
      await tx.media.updateMany({
        where,
        data: { dueAt: later(now, fetchLease), attempts: { increment: 1 } },
      })
      return tx.media.findMany({ where })
    })
  }

  private async fetch(orgId: string, media: Media): Promise<void> {
    try {
      if (media.attempts > maxAttempts) throw new ProviderError('rejected', neverFetched)
      const accounts = await this.parts.db.inOrg(orgId, (tx) =>
        this.parts.secrets.open(tx, [media.accountId ?? '']),
      )
      const account = accounts.get(media.accountId ?? '')
      if (!account) throw new ProviderError('misconfigured', 'The account of this file no longer exists.')
      const provider = this.parts.providers[account.provider]
      const file = await provider.fetchMedia(media.providerUrl ?? '', account.credentials, maxUploadBytes)
      await this.store(orgId, media, file)
    } catch (error) {
      await this.putOff(orgId, media, error)
    }
  }

  private store(orgId: string, media: Media, file: StoredFile): Promise<void> {
    return this.parts.db.inOrg(orgId, async (tx) => {
      const content = Buffer.from(file.content)
      await tx.mediaContent.createMany({
        data: [{ orgId, mediaId: media.id, content }],
        skipDuplicates: true,
      })
      await tx.media.updateMany({
        where: { id: media.id },
        data: {
          status: 'stored',
          contentType: file.contentType,
          fileName: media.fileName ?? file.fileName,
          bytes: content.byteLength,
          dueAt: null,
        },
      })
    })
  }

  private async putOff(orgId: string, media: Media, error: unknown): Promise<void> {
    this.parts.log.info({ err: error, mediaId: media.id }, 'a file could not be fetched')
    const isFinal =
      (error instanceof ProviderError && error.kind === 'rejected') || media.attempts >= maxAttempts
    const data = isFinal
      ? {
          status: 'failed' as const,
          dueAt: null,
          failureReason: error instanceof ProviderError ? error.message : faultName(error),
        }
      : { dueAt: later(this.parts.clock.now(), firstRetry * 2 ** (media.attempts - 1)) }
    await this.parts.db.inOrg(orgId, (tx) => tx.media.updateMany({ where: { id: media.id }, data }))
  }
}

const neverFetched = `It could not be fetched in ${maxAttempts} attempts: each ended the process, or lost the database.`

async function readContent(tx: OrgTx, { id, contentType, fileName }: Media): Promise<StoredFile> {
  const stored = await tx.mediaContent.findFirst({ where: { mediaId: id } })
  if (!stored) throw notFound('file')
  return { contentType, fileName, content: stored.content }
}
