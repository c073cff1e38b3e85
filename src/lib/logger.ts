import { type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger

// A last net: what may carry a secret or a customer's words is not logged in the first place.
const redactedPaths = [
  'authorization',
  'text',
  'body',
  'secret',
  'authToken',
  'apiKey',
  'token',
  'key',
  'credentials',
].flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

export function createLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: redactedPaths, censor: '[redacted]' },
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: safeError },
  })
}

/** The error's name, message and stack, without the values that database and HTTP libraries hang on it. */
function safeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) }
  return { type: error.name, message: error.message, stack: error.stack }
}
