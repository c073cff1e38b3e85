import { describe, expect, it } from 'vitest'
import { conditionInput } from '../../src/workstreams/condition.js'

const comparison = { field: 'contact.mobilePhone', op: 'begins_with', value: '+1425' }

const nested = (levels: number): object => (levels === 1 ? comparison : { not: nested(levels - 1) })

const faultOf = (written: unknown): { path: string; message: string } | null => {
  const read = conditionInput.safeParse(written)
  const [issue] = read.error?.issues ?? []
  return issue ? { path: issue.path.join('.'), message: issue.message } : null
}

describe('a condition of a routing rule', () => {
  it.each([
    comparison,
    { field: 'contact.attributes.tier', op: 'equals', value: 'gold' },
    { field: 'context.orders', op: 'greater_than', value: 3 },
    { field: 'context.orders', op: 'less_than', value: '3.5' },
    { field: 'authenticated', op: 'equals', value: true },
    { field: 'language', op: 'in', value: ['en-US', 'de-DE'] },
    { field: 'contact.email', op: 'exists' },
    { field: 'contact.email', op: 'exists', value: false },
    { all: [comparison, { any: [comparison, { not: comparison }] }] },
  ])('may be %j', (written) => {
    expect(conditionInput.parse(written)).toEqual(written)
  })

  it.each([
    [{ field: 'contact.shoeSize', op: 'equals', value: 1 }, 'field', 'no such field'],
    [{ field: 'context.', op: 'equals', value: 1 }, 'field', 'no such field'],
    [{ field: 'language', op: 'in', value: 'en-US' }, 'value', 'list'],
    [{ field: 'language', op: 'equals', value: ['en-US'] }, 'value', 'one value'],
    [{ field: 'language', op: 'equals' }, 'value', 'needs a value'],
    [{ field: 'context.orders', op: 'greater_than', value: 'many' }, 'value', 'number'],
    [{ field: 'contact.email', op: 'exists', value: 'yes' }, 'value', 'true, false'],
    [{ all: [] }, 'all', '>=1'],
  ])('is refused as %j, naming what is wrong', (written, path, message) => {
    expect(faultOf(written)).toEqual({ path, message: expect.stringContaining(message) })
  })

  it.each([
    null,
    'everybody',
    {},
    [],
    { any: comparison },
    { ...comparison, op: 'resembles' },
    { ...comparison, not: comparison },
    { all: [comparison], any: [comparison] },
  ])('is never %j', (written) => {
    expect(faultOf(written)?.message).toContain('A condition is')
  })

  it('has five levels and no sixth', () => {
    expect(faultOf(nested(5))).toBeNull()
    expect(faultOf(nested(6))?.message).toContain('5 levels')
  })

  it('without a bottom is refused like any that is too deep', () => {
    const bottomless = JSON.parse(`${'{"not":'.repeat(100_000)}1${'}'.repeat(100_000)}`)

    expect(faultOf(bottomless)?.message).toContain('5 levels')
  })
})
