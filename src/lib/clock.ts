/** Where the time comes from. Due times are compared with it, never with SQL `now()`, so that a test can stand at any moment. */
export interface Clock {
  now(): Date
}

export const systemClock: Clock = { now: () => new Date() }

export const seconds = (count: number): number => count * 1000
export const minutes = (count: number): number => seconds(count * 60)
export const hours = (count: number): number => minutes(count * 60)
export const days = (count: number): number => hours(count * 24)

export const later = (from: Date, milliseconds: number): Date => new Date(from.getTime() + milliseconds)
