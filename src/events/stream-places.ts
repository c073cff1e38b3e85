import { AppError } from '../lib/errors.js'

/** How many event streams may be open in one process. A place is given back when its stream closes. */
export class StreamPlaces {
  private readonly taken = new Map<string, number>()
  private total = 0

  constructor(private readonly most: { streams: number; streamsOfOrganization: number }) {}

  /** Answers how to give the place back. Throws `unavailable` where there is none. */
  take(orgId: string): () => void {
    const own = this.taken.get(orgId) ?? 0
    if (own >= this.most.streamsOfOrganization) throw full('Your organization has as many event streams open')
    if (this.total >= this.most.streams) throw full('There are as many event streams open')
    this.taken.set(orgId, own + 1)
    this.total++
    return () => this.giveBack(orgId)
  }

  private giveBack(orgId: string): void {
    const left = (this.taken.get(orgId) ?? 1) - 1
    if (left > 0) this.taken.set(orgId, left)
    else this.taken.delete(orgId)
    this.total--
  }
}

const full = (what: string): AppError =>
  new AppError('unavailable', `${what} as this process bears. Close one, or try again later.`, {
    retryAfter: 10,
  })
