/** Calls of the service's API that set a measurement up. */
export interface ApiClient {
  post<Body>(path: string, body: unknown): Promise<Body>
  put(path: string, body: unknown): Promise<void>
  /** All rows of a list, page by page */
  list<Row>(path: string): Promise<Row[]>
}

/** Calls as whoever has this key. A call that is refused throws with what the service said. */
export function apiClient(url: string, key: string): ApiClient {
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path} was answered ${answer.status}: ${text}`)
    return text === '' ? null : JSON.parse(text)
  }
  return {
    post: async <Body>(path: string, body: unknown) => (await call('POST', path, body)) as Body,
    put: async (path, body) => {
      await call('PUT', path, body)
    },
    list: async <Row>(path: string) => {
      const rows: Row[] = []
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page = `limit=100${cursor && `&cursor=${cursor}`}`
        const answer = (await call('GET', `${path}${path.includes('?') ? '&' : '?'}${page}`)) as {
          data: Row[]
          nextCursor: string | null
        }
        rows.push(...answer.data)
        cursor = answer.nextCursor
      }
      return rows
    },
  }
}

/** Does the work for every item, so many at once. */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  atOnce = 8,
): Promise<Result[]> {
  const results: Result[] = []
  let next = 0
  const lane = async () => {
    for (let index = next++; index < items.length; index = next++) {
      results[index] = await work(items[index] as Item)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return results
}
