import { expect, it } from 'vitest'
import { giveWay } from '../../src/lib/give-way.js'

/** A flood that is over after so many looks. */
function floodOf(looks: number) {
  const flood = { looked: 0, goesOn: () => ++flood.looked <= looks }
  return flood
}

it('whoever gives way goes on at once where there is no flood', async () => {
  const flood = floodOf(0)
  await giveWay(flood.goesOn)
  expect(flood.looked).toBe(1)
})

it('waits until the flood is over', async () => {
  const flood = floodOf(3)
  await giveWay(flood.goesOn)
  expect(flood.looked).toBe(4)
})

it('goes on in spite of a flood that lasts', async () => {
  const flood = floodOf(Number.POSITIVE_INFINITY)
  await giveWay(flood.goesOn)
  expect(flood.looked).toBe(25)
})
