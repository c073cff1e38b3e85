import { z } from 'zod'

/** Written in capitals it is the same. */
export const id = z.uuid().toLowerCase()
export const time = z.iso.datetime({ precision: 3 }).meta({ description: 'RFC 3339, UTC, milliseconds' })

/** For a POST or PUT that needs no body: none, or {}. */
export const noBody = z.strictObject({}).nullish()

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(500).optional(),
})

export const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ data: z.array(item), nextCursor: z.string().nullable() })

export const idParams = z.object({ id })

/** A name that people give to things. */
export const name = z.string().trim().min(1).max(100)
