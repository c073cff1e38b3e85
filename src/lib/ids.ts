import { v7 } from 'uuid'

/** A new UUIDv7: ids made later in one process sort later. */
export const newId = (): string => v7()

/** Stands for the platform where an organization's id is asked for. */
export const platformScope = '00000000-0000-0000-0000-000000000000'

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export const isId = (value: string): boolean => uuid.test(value)
