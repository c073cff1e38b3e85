import { minutes, seconds } from './clock.js'

/** A process that keeps none of its streams fresh for so long is gone, and its streams with it. */
export const longestSilence = seconds(90)
/** So long an agent whose connection is lost keeps their presence (domain.md 5.8). */
export const graceAfterLoss = minutes(2.5)
