import { describe, expect, it } from 'vitest'
import { createLogger } from '../../src/lib/logger.js'

function logged(error: unknown): string {
  const lines: string[] = []
  createLogger('trace', { write: (line) => lines.push(line) }).error({ err: error }, 'it failed')
  return lines.join('')
}

/** An error as the runtime makes it. */
function thrownBy(act: () => unknown): unknown {
  try {
    return act()
  } catch (error) {
    return error
  }
}

describe('an error in the log', () => {
  it.each([
    ['a value that PostgreSQL could not read', 'invalid input syntax for type uuid: "Hello Casey"'],
    [
      'such a value with quotes and lines',
      'Message: `invalid input syntax for type uuid: "a "Hello\nCasey" b"`',
    ],
    ['a value out of range', 'value "Hello Casey" is out of range for type integer'],
    ['text that is no JSON', `Unexpected token 'H', "Hello Casey" is not valid JSON`],
    ['part of a long text that is no JSON', `Unexpected token 'H', ..."Hello Casey"... is not valid JSON`],
    ['a phone number', 'no answer for +12065550100 and whatsapp:+442071838750'],
    ['an API key', 'the key parley_key_Zm9vYmFyYmF6 was refused'],
    ['an agent’s token', 'the token parley_agt_Zm9vYmFyYmF6 was refused'],
    ['the address of a callback', 'POST http://host/callbacks/twilio/Zm9vYmFyYmF6/status'],
    ['a link to a file', 'GET http://host/media/a/b?expires=1&signature=Zm9vYmFyYmF6'],
    ['a password in an address', 'cannot connect to postgresql://parley:Zm9vYmFyYmF6@host/parley'],
    ['the header of a call', 'sent authorization: Basic Zm9vYmFyYmF6== and Bearer Zm9vYmFyYmF6'],
  ])('does not show %s', (_what, message) => {
    const line = logged(new Error(message))

    expect(line).not.toMatch(/Hello|Casey|2065550100|2071838750|Zm9vYmFyYmF6/)
    expect(JSON.parse(line)).toMatchObject({ err: { type: 'Error' }, msg: 'it failed' })
  })

  it('does not show what another program hung on it', () => {
    const error = Object.assign(new Error('refused', { cause: new Error('Hello Casey') }), {
      detail: 'Failing row contains (Hello Casey)',
      config: { auth: { password: 'Zm9vYmFyYmF6' } },
    })

    expect(logged(error)).not.toMatch(/Hello|Zm9v/)
  })

  it('does not show the text that a parser stumbled over', () => {
    expect(logged(thrownBy(() => JSON.parse('Hello Casey')))).not.toContain('Hello')
  })

  it('says what is wrong and where', () => {
    const { err } = JSON.parse(logged(new Error('column "name" of relation "contacts" does not exist')))

    expect(err.message).toBe('column "name" of relation "contacts" does not exist')
    expect(err.stack).toContain('logger.test.ts')
  })
})
