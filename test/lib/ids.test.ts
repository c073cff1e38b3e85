import { describe, expect, it } from 'vitest'
import { isId, newId } from '../../src/lib/ids.js'

describe('newId', () => {
  const made = Array.from({ length: 20_000 }, newId)

  it('makes UUIDs of version 7', () => {
    for (const id of made)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(made.every(isId)).toBe(true)
  })

  it('makes no id twice', () => {
    expect(new Set(made).size).toBe(made.length)
  })

  it('makes ids that sort in the order in which they were made', () => {
    expect(made.toSorted()).toEqual(made)
  })

  it('carries the time in its first 48 bits', () => {
    const before = Date.now()
    const milliseconds = Number.parseInt(newId().replaceAll('-', '').slice(0, 12), 16)

    expect(milliseconds).toBeGreaterThanOrEqual(before)
    expect(milliseconds).toBeLessThanOrEqual(Date.now())
  })
})
