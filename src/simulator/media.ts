import { randomUUID } from 'node:crypto'

export interface StoredMedia {
  id: string
  contentType: string
  fileName: string | null
  content: Buffer
  /** Names the file on the CDN: unguessable, as the real signed address is. */
  cdnToken: string
}

const totalBytesLimit = 128 * 1024 * 1024

/** Files in both directions, in memory; the oldest go when they are too many. */
export class MediaStore {
  private readonly byId = new Map<string, StoredMedia>()
  private totalBytes = 0

  add(id: string, contentType: string, fileName: string | null, content: Buffer): StoredMedia {
    const media = { id, contentType, fileName, content, cdnToken: randomUUID() }
    this.byId.set(id, media)
    this.totalBytes += content.length
    for (const oldest of this.byId.values()) {
      if (this.totalBytes <= totalBytesLimit || oldest === media) break
      this.byId.delete(oldest.id)
      this.totalBytes -= oldest.content.length
    }
    return media
  }

  get(id: string): StoredMedia | undefined {
    return this.byId.get(id)
  }
}

/** Decodes `data:<type>[;base64],…`; null if it is no such URL. */
export function decodeDataUrl(url: string): { contentType: string; content: Buffer } | null {
  const match = /^data:([^,;]*)(?:;[^,;]*)*?(;base64)?,(.*)$/s.exec(url)
  if (!match) return null
  const [, contentType = '', base64, data = ''] = match
  const content = base64 ? Buffer.from(data, 'base64') : Buffer.from(decodeURIComponent(data))
  return { contentType: contentType || 'text/plain', content }
}

/** Fetches a file that the business sends, as the provider would. Throws when it cannot be had. */
export async function fetchFile(url: string): Promise<{ contentType: string; content: Buffer }> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(15_000) })
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`)
  const content = Buffer.from(await answer.arrayBuffer())
  if (content.length > 16 * 1024 * 1024) throw new Error('larger than 16 MiB')
  return { contentType: answer.headers.get('content-type') ?? 'application/octet-stream', content }
}
