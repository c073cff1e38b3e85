import type { OrgTx } from '../db/database.js'
import type { Conversation, Media } from '../db/generated/client.js'
import { AppError, invalidField } from '../lib/errors.js'
import { loadWorkstreamForNumbers } from '../workstreams/number-settings.js'
import { maxFiles, refuseFile } from './media-types.js'

interface Wanted {
  conversation: Conversation
  messageId: string
  ids: readonly string[]
  now: Date
}

/**
 * Uploads as the files of a message that is to be sent. Refused: agents' attachments are off for the number, the provider
 * takes no media, the channel would not take the file, or it is no unused upload of this organization.
 */
export async function findUploads(
  tx: OrgTx,
  { conversation, messageId, ids, now }: Wanted,
): Promise<Media[]> {
  if (ids.length === 0) return []
  await assertAttachmentsOn(tx, conversation)
  if (ids.length > maxFiles[conversation.channel] || new Set(ids).size < ids.length) {
    throw invalidField(
      'media',
      `This channel takes at most ${maxFiles[conversation.channel]} different files in a message.`,
    )
  }
  const rows = await tx.media.findMany({
    where: { id: { in: [...ids] }, messageId: null, expiresAt: { gt: now } },
  })
  return ids.map((id, position) => {
    const file = rows.find((row) => row.id === id)
    if (!file)
      throw invalidField(`media.${position}.id`, 'There is no such unused upload. Upload the file again.')
    const refusal = refuseFile(conversation.channel, {
      contentType: file.contentType,
      bytes: file.bytes ?? 0,
    })
    if (refusal) throw invalidField(`media.${position}.id`, refusal)
    return { ...file, messageId, position, accountId: conversation.accountId, expiresAt: null }
  })
}

/** Writes that these uploads are files of a message now. Throws where another message was faster. */
export async function takeUploads(tx: OrgTx, files: readonly Media[]): Promise<void> {
  for (const { id, messageId, position, accountId, expiresAt } of files) {
    const taken = await tx.media.updateMany({
      where: { id, messageId: null },
      data: { messageId, position, accountId, expiresAt },
    })
    if (taken.count === 0) throw new Error('An upload was taken by another message at the same moment')
  }
}

async function assertAttachmentsOn(tx: OrgTx, { provider, numberId }: Conversation): Promise<void> {
  if (provider === 'telesign') {
    throw new AppError('attachments_disabled', 'Telesign takes no files. Send a text, or a link to the file.')
  }
  const atWork = await loadWorkstreamForNumbers(tx, [numberId])
  if (!atWork.get(numberId)?.agentAttachments) {
    throw new AppError(
      'attachments_disabled',
      'Files from agents are switched off for this number. An admin can switch them on.',
    )
  }
}
