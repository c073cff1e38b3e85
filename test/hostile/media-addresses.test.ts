import type { LookupAddress, LookupOptions, lookup } from 'node:dns'
import { describe, expect, it } from 'vitest'
import { AddressNotPublic, isPrivate, publicLookup } from '../../src/providers/provider-http.js'

/** A name server that somebody hostile runs: each question gets the next answer. */
function nameServer(...answers: string[][]) {
  let asked = 0
  const resolve = (
    _host: string,
    _options: LookupOptions,
    callback: (error: Error | null, addresses: LookupAddress[]) => void,
  ) => {
    const addresses = answers[Math.min(asked++, answers.length - 1)] ?? []
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }
  return { resolve: resolve as unknown as typeof lookup, asked: () => asked }
}

/** What a connection to this name is made to. */
const connectsTo = (resolve: typeof lookup, options: LookupOptions = { all: true }): Promise<unknown> =>
  new Promise((fulfil, reject) => {
    publicLookup(resolve)('files.example.com', options, (error, address) =>
      error ? reject(error) : fulfil(address),
    )
  })

describe('a name', () => {
  it.each([
    ['of a private address', ['10.0.0.7']],
    ['of the address where clouds keep their secrets', ['169.254.169.254']],
    ['of this machine', ['::1']],
    ['of a private address written as IPv6', ['::ffff:192.168.0.1']],
    ['of a public and a private address', ['93.184.215.14', '127.0.0.1']],
    ['of a link-local address with its interface', ['fe80::1%eth0']],
  ])('%s is refused', async (_what, addresses) => {
    const { resolve } = nameServer(addresses)

    await expect(connectsTo(resolve)).rejects.toBeInstanceOf(AddressNotPublic)
    await expect(connectsTo(resolve, { all: false })).rejects.toBeInstanceOf(AddressNotPublic)
  })

  it('without an address is refused', async () => {
    await expect(connectsTo(nameServer([]).resolve)).rejects.toThrow('has no address')
  })

  it('whose meaning changes after the check is connected to at the address that was checked', async () => {
    const server = nameServer(['93.184.215.14'], ['127.0.0.1'])

    const connected = await connectsTo(server.resolve)

    expect(connected).toEqual([{ address: '93.184.215.14', family: 4 }])
    expect(server.asked()).toBe(1)
    // Another connection asks and checks again
    await expect(connectsTo(server.resolve)).rejects.toBeInstanceOf(AddressNotPublic)
  })
})

describe('an address that is not on the public internet', () => {
  it.each([
    '192.0.2.1',
    '198.51.100.1',
    '203.0.113.1',
    '192.88.99.1',
    '255.255.255.255',
    '224.0.0.1',
    '::10.0.0.1',
    '100::1',
    '2001::1',
    '2001:db8::1',
    '2002:a00:1::',
    '3fff::1',
    '5f00::1',
    'fec0::1',
    'ff02::1',
    'fe80::1%eth0',
    '64:ff9b::7f00:1',
  ])('%s is known as such', (address) => {
    expect(isPrivate(address)).toBe(true)
  })

  it.each(['93.184.215.14', '2606:2800:21f:cb07::1', '2a00:1450::1'])('%s is none', (address) => {
    expect(isPrivate(address)).toBe(false)
  })
})
