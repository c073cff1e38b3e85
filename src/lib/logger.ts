import { type DestinationStream, type LoggerOptions, type Logger as PinoLogger, pino } from 'pino'

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

/** @param destination takes each line; standard output where it is absent */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options: LoggerOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: redactedPaths, censor: '[redacted]' },
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: safeError },
  }
  return destination ? pino(options, destination) : pino(options)
}

/** The error's name, message and stack, without the values that database and HTTP libraries put in them or hang on it. */
function safeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: withoutValues(String(error)) }
  const { name, message, stack = '' } = error
  // Prisma repeats all arguments of a call that it refuses, and then says what is wrong
  const said = name === 'PrismaClientValidationError' ? (message.split('\n\n').at(-1) ?? '') : message
  const frames = stack.replace(message, '').match(/^ {4}at .*$/gm) ?? []
  const safe = withoutValues(said)
  return { type: name, message: safe, stack: [`${name}: ${safe}`, ...frames].join('\n') }
}

/** What messages of errors quote, though it is somebody's: values, phone numbers, keys, tokens. */
const quoted: readonly [RegExp, string][] = [
  [/: ".*"/gs, ': "…"'],
  [/\bvalue ".*?" is/gs, 'value "…" is'],
  [/".*"(\.\.\.)? is not valid JSON/gs, '"…" is not valid JSON'],
  [/\+\d{3,11}(?=\d{4}\b)/g, '+…'],
  [/\b(parley_key_|parley_agt_|platform_)[\w-]{8,}/g, '$1…'],
  [/(\/callbacks\/\w+\/)[\w-]+/g, '$1…'],
  [/\b(signature=)[\w-]+/g, '$1…'],
  [/:\/\/[^\s/@]+@/g, '://…@'],
  [/\b(Basic|Bearer|TSA) +[^\s,]+/gi, '$1 …'],
]

/** A text that may go into a log. A net: what is logged is chosen so that nothing has to be caught in it. */
export const withoutValues = (text: string): string =>
  quoted.reduce((rest, [pattern, replacement]) => rest.replace(pattern, replacement), text)
