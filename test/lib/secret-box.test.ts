import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type EncryptionKey, SecretBox } from '../../src/lib/secret-box.js'
import { MediaLinks } from '../../src/messages/media-links.js'
import { TestClock } from '../support/clock.js'

const row = '01900000-0000-7000-8000-000000000001'
const key = (id: string): EncryptionKey => ({ id, key: randomBytes(32) })
const [first, second] = [key('k1'), key('k2')]

describe('a sealed secret', () => {
  it('opens for its own row only, and only whole', () => {
    const box = new SecretBox([first])
    const sealed = box.seal('the secret', row)
    const [id, iv, tag = '', text] = sealed.split('.')
    const shortTag = [id, iv, tag.slice(0, 8), text].join('.')
    const otherText = [id, iv, tag, `A${text?.slice(1)}B`].join('.')

    expect(box.open(sealed, row)).toBe('the secret')
    for (const value of [shortTag, otherText, '', 'k1', 'k1...'])
      expect(() => box.open(value, row), value).toThrow()
    expect(() => box.open(sealed, row.replace('1', '2'))).toThrow('does not open with the key "k1"')
  })

  it('is another one each time, so that equal secrets cannot be told', () => {
    const box = new SecretBox([first])

    expect(box.seal('the secret', row)).not.toBe(box.seal('the secret', row))
  })

  it('that no key opens is refused with the name of the key and nothing of the value', () => {
    const sealed = new SecretBox([first]).seal('the secret', row)

    const refusal = (keys: EncryptionKey[]) => {
      try {
        return new SecretBox(keys).open(sealed, row)
      } catch (error) {
        return String(error)
      }
    }

    expect(refusal([second])).toContain('lacks the key "k1"')
    expect(refusal([key('k1')])).toContain('does not open with the key "k1"')
    for (const part of sealed.split('.').slice(1)) {
      expect(refusal([second])).not.toContain(part)
      expect(refusal([key('k1')])).not.toContain(part)
    }
  })

  it('gets the newest key where it has another, and stays as it is where not', () => {
    const old = new SecretBox([first]).seal('the secret', row)
    const box = new SecretBox([second, first])

    const renewed = box.renew(old, row)

    expect(renewed).toMatch(/^k2\./)
    expect(new SecretBox([second]).open(renewed, row)).toBe('the secret')
    expect(box.renew(renewed, row)).toBe(renewed)
  })
})

/** ENCRYPTION_KEYS after each step of a rotation, as the README has them. */
const steps = { before: [first], appended: [first, second], inFront: [second, first], after: [second] }

describe('while ENCRYPTION_KEYS is changed step by step', () => {
  it.each([
    ['before and after the new key was appended', steps.before, steps.appended],
    ['before and after it was moved to the front', steps.appended, steps.inFront],
    ['before and after the old one was removed', steps.inFront, steps.after],
  ])('processes %s open what the other has sealed and signed', (_which, one, other) => {
    const clock = new TestClock()
    const processes = [one, other].map((keys) => ({
      // What is stored when the old key goes was sealed by the newest: the command has seen to it
      box: new SecretBox(keys),
      links: new MediaLinks('http://localhost', keys, clock),
    }))

    for (const sealing of processes)
      for (const opening of processes) {
        expect(opening.box.open(sealing.box.seal('the secret', row), row)).toBe('the secret')
        expect(opening.links.isValid(readLink(sealing.links.sign(row, row)))).toBe(true)
      }
  })

  it('a key that is put in front at once is not known to those that still run', () => {
    const sealed = new SecretBox(steps.inFront).seal('the secret', row)

    expect(() => new SecretBox(steps.before).open(sealed, row)).toThrow('ENCRYPTION_KEYS lacks the key "k2"')
  })
})

function readLink(link: string) {
  const { pathname, searchParams } = new URL(link)
  const [, , orgId = '', mediaId = ''] = pathname.split('/')
  const signature = searchParams.get('signature') ?? ''
  return { orgId, mediaId, expires: Number(searchParams.get('expires')), signature }
}
