import { activeAt } from '../../src/conversations/due-times.js'
import { newId } from '../../src/lib/ids.js'
import type { TestService } from './service.js'

/** A number with an account of its own, written straight into the database. Answers the number's id. */
export async function createNumber(
  { parts }: TestService,
  orgId: string,
  channel: 'sms' | 'whatsapp',
  address = `+1425${String(Math.random()).slice(2, 9)}`,
): Promise<string> {
  return parts.db.inOrg(orgId, async (tx) => {
    const times = { createdAt: new Date(), updatedAt: new Date() }
    const accountId = newId()
    const id = newId()
    await tx.channelAccount.create({
      data: {
        ...times,
        orgId,
        id: accountId,
        name: `Account ${accountId}`,
        channel,
        provider: 'twilio',
        providerAccountId: 'AC00000000000000000000000000000000',
        secret: 'sealed',
        secretLastFour: '0000',
        callbackToken: accountId,
      },
    })
    await tx.channelNumber.create({
      data: { ...times, orgId, id, accountId, channel, address, messagesPerSecond: 1 },
    })
    return id
  })
}

/** An open conversation in the built-in workstream of its channel, written straight into the database. */
export async function createConversation(
  { parts }: TestService,
  orgId: string,
  numberId: string,
  fields: { workstreamId?: string; queueId?: string; contactId?: string },
): Promise<void> {
  await parts.db.inOrg(orgId, async (tx) => {
    const now = new Date()
    const { channel, accountId, address } = await tx.channelNumber.findFirstOrThrow({
      where: { id: numberId },
    })
    const builtIn = await tx.workstream.findFirstOrThrow({ where: { channel, isBuiltIn: true } })
    await tx.conversation.create({
      data: {
        workstreamId: builtIn.id,
        ...fields,
        orgId,
        id: newId(),
        status: 'open',
        statusReason: 'awaiting_agent_assignment',
        channel,
        provider: 'twilio',
        accountId,
        numberId,
        businessNumber: address,
        customerAddress: '+12065550100',
        language: 'en-US',
        authenticated: false,
        createdAt: now,
        statusUpdatedAt: now,
        lastMessageAt: now,
        activeAt: activeAt(now),
      },
    })
  })
}
