import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { serializerCompiler } from '../../src/http/serializer.js'

const serialize = serializerCompiler({
  schema: z.object({ id: z.string(), closedAt: z.iso.datetime().nullable() }),
  method: 'GET',
  url: '/things',
})

describe('an answer', () => {
  test('holds what its schema declares and nothing else', () => {
    const row = { id: 'a', closedAt: null, secret: 'sealed' }

    expect(JSON.parse(serialize(row))).toEqual({ id: 'a', closedAt: null })
  })

  test('that is not what was promised is not given', () => {
    expect(() => serialize({ id: 'a', closedAt: 'yesterday' })).toThrow(/serializ|schema/i)
  })
})
