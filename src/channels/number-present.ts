import type { NumberPlace, NumberRow } from './number-repository.js'

interface ShownNumber
  extends Pick<
    NumberRow,
    'id' | 'accountId' | 'channel' | 'type' | 'name' | 'description' | 'messagesPerSecond'
  > {
  number: string
  workstreamId: string
  language: string
  createdAt: string
  updatedAt: string
}

export const presentNumber = (row: NumberRow, place: NumberPlace): ShownNumber => ({
  id: row.id,
  accountId: row.accountId,
  channel: row.channel,
  number: row.address,
  type: row.type,
  name: row.name,
  description: row.description,
  messagesPerSecond: row.messagesPerSecond,
  workstreamId: place.workstreamId,
  language: place.language,
  createdAt: row.createdAt.toISOString(),
  updatedAt: row.updatedAt.toISOString(),
})
