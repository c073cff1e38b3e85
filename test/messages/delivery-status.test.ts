import fc from 'fast-check'
import { expect, it } from 'vitest'
import { advance, type OutboundStatus } from '../../src/messages/delivery-status.js'
import type { DeliveryStatus } from '../../src/providers/provider.js'

const reports: DeliveryStatus[] = ['queued', 'sending', 'sent', 'delivered', 'read', 'undelivered', 'failed']

it('a late report of sent never undoes delivered', () => {
  expect(advance('delivered', 'sent')).toBeNull()
})

it('a report that the provider has queued it says that it was sent', () => {
  expect(advance('sending', 'queued')).toBe('sent')
})

it('a failure is final', () => {
  for (const report of reports) expect(advance('failed', report)).toBeNull()
})

it('what was delivered or read does not fail any more', () => {
  expect(advance('delivered', 'failed')).toBeNull()
  expect(advance('read', 'undelivered')).toBeNull()
})

it('a message whose outcome was unknown takes whatever the provider says', () => {
  expect(advance('unknown', 'delivered')).toBe('delivered')
  expect(advance('unknown', 'failed')).toBe('failed')
})

it('in whatever order reports come, the furthest one stands', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray<DeliveryStatus>(['queued', 'sending', 'sent', 'delivered', 'read']),
      (order) => {
        let status: OutboundStatus = 'sending'
        for (const report of order) status = advance(status, report) ?? status
        const highest = reports.filter((report) => order.includes(report)).at(-1)
        if (highest) expect(status).toBe(highest === 'queued' || highest === 'sending' ? 'sent' : highest)
      },
    ),
  )
})
