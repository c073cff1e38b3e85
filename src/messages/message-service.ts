import { listOptedOut } from '../contacts/opt-outs.js'
import { assertCanSee, canSeeSql, sightOf } from '../conversations/access.js'
import { presentConversation } from '../conversations/present.js'
import { findVisible } from '../conversations/reader.js'
import { findContactNames, lockConversation } from '../conversations/repository.js'
import type { Database, OrgTx } from '../db/database.js'
import type { Conversation, Message } from '../db/generated/client.js'
import {
  idPattern,
  type Page,
  type PageRequest,
  pageById,
  readCursor,
  sequencePattern,
  toPage,
} from '../db/page.js'
import { emit } from '../events/outbox.js'
import { recordAudit } from '../identity/audit.js'
import type { OrgCaller } from '../lib/caller.js'
import type { Clock } from '../lib/clock.js'
import { messageEvent } from './announce.js'
import { newMessage } from './new-message.js'
import { presentMessage } from './present.js'
import { findMedia, insertMessages, listUnknown } from './repository.js'

type Shown = ReturnType<typeof presentMessage>

const summaryConversations = 5
const summaryMessages = 20

/** What agents read and write beside their answers: the messages, notes, the customer in short. */
export class MessageService {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {}

  /** Oldest stored first. */
  list(caller: OrgCaller, conversationId: string, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller.orgId, async (tx) => {
      await findVisible(tx, caller, conversationId)
      await this.noteReading(tx, caller, 'conversation.messages_read', conversationId)
      const [after] = readCursor(page.cursor, [sequencePattern]) ?? []
      const rows = await tx.message.findMany({
        where: { conversationId, ...(after && { seq: { gt: BigInt(after) } }) },
        orderBy: { seq: 'asc' },
        take: page.limit + 1,
      })
      const { data, nextCursor } = toPage(rows, page.limit, ({ seq }) => [String(seq)])
      return { data: await this.show(tx, caller, data), nextCursor }
    })
  }

  /** Messages whose outcome a person must decide, in all conversations that the caller may see; newest created first. */
  listUnknown(caller: OrgCaller, page: PageRequest): Promise<Page<Shown>> {
    return this.db.inOrg(caller.orgId, async (tx) => {
      const [before] = readCursor(page.cursor, [idPattern]) ?? []
      const sight = canSeeSql(await sightOf(tx, caller))
      const action = 'organization.unknown_messages_read'
      await recordAudit(tx, caller, { action, subjectId: caller.orgId, at: this.clock.now() })
      const rows = await listUnknown(tx, sight, { before, limit: page.limit + 1 })
      const { data, nextCursor } = pageById(rows, page)
      return { data: await this.show(tx, caller, data), nextCursor }
    })
  }

  /** A note that only agents see. */
  addNote(caller: OrgCaller, conversationId: string, text: string): Promise<Shown> {
    return this.db.inOrg(caller, async (tx) => {
      const conversation = await lockConversation(tx, conversationId)
      await assertCanSee(tx, caller, conversation)
      const now = this.clock.now()
      const note = newMessage({
        orgId: tx.orgId,
        conversationId,
        accountId: conversation.accountId,
        direction: 'internal',
        kind: 'note',
        authorType: 'agent',
        authorId: caller.agentId,
        authorName: caller.agentName ?? caller.role,
        text,
        createdAt: now,
      })
      await insertMessages(tx, [note])
      emit(tx, [messageEvent('message.noted', { message: note, media: [], conversation, now })])
      return presentMessage(note, [])
    })
  }

  /** Contact, recent conversations, last messages; readable while the conversation is only offered. */
  customerSummary(caller: OrgCaller, conversationId: string) {
    return this.db.inOrg(caller.orgId, async (tx) => {
      const conversation = await findVisible(tx, caller, conversationId)
      await this.noteReading(tx, caller, 'conversation.summary_read', conversationId)
      const { channel, customerAddress, contactId, profileName } = conversation
      const contact = contactId ? await tx.contact.findFirst({ where: { id: contactId } }) : null
      const messages = await tx.message.findMany({
        where: { conversationId },
        orderBy: { seq: 'desc' },
        take: summaryMessages,
      })
      return {
        customerAddress,
        profileName,
        contact: contact && {
          id: contact.id,
          name: contact.name,
          mobilePhone: contact.mobilePhone,
          email: contact.email,
          attributes: contact.attributes as Record<string, unknown>,
        },
        optedOut: (await listOptedOut(tx, channel, [customerAddress])).has(customerAddress),
        recentConversations: await this.recent(tx, conversation),
        lastMessages: await this.show(tx, caller, messages.toReversed()),
      }
    })
  }

  private noteReading(
    tx: OrgTx,
    caller: OrgCaller,
    action: 'conversation.messages_read' | 'conversation.summary_read',
    conversationId: string,
  ): Promise<void> {
    return recordAudit(tx, caller, { action, subjectId: conversationId, at: this.clock.now() })
  }

  private async recent(tx: OrgTx, { id, contactId, customerAddress }: Conversation) {
    const rows = await tx.conversation.findMany({
      where: { ...(contactId ? { contactId } : { customerAddress }), id: { not: id } },
      orderBy: { id: 'desc' },
      take: summaryConversations,
    })
    const contacts = await findContactNames(
      tx,
      rows.map((row) => row.contactId),
    )
    const now = this.clock.now()
    return rows.map((row) => presentConversation(row, contacts.get(row.contactId ?? '') ?? null, now))
  }

  private async show(tx: OrgTx, caller: OrgCaller, rows: Message[]): Promise<Shown[]> {
    const withFiles = rows.filter(({ hasMedia }) => hasMedia).map(({ id }) => id)
    const media = await findMedia(tx, withFiles, { withWithheld: caller.role === 'admin' })
    return rows.map((row) => presentMessage(row, media.get(row.id) ?? []))
  }
}
