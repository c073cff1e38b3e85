import { storable } from '../../lib/storable.js'
import type { CallbackRequest } from '../provider.js'

export type JsonObject = Readonly<Record<string, unknown>>

export function asObject(value: unknown): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
}

/** A text that can be stored, or a number as one: Telesign's pages differ on which fields are numbers. Empty is missing. */
export function asText(value: unknown): string | null {
  if (typeof value === 'number') return String(value)
  const text = typeof value === 'string' ? storable(value) : ''
  return text === '' ? null : text
}

/** The JSON object of a callback, read once per request; null where the body is none. */
export function jsonOf(request: CallbackRequest): JsonObject | null {
  request.read ??= { json: readObject(request.body) }
  return (request.read as { json: JsonObject | null }).json
}

function readObject(text: string): JsonObject | null {
  try {
    return asObject(JSON.parse(text))
  } catch {
    return null
  }
}

/**
 * The code of an answer or a callback: of its status, else of the first of its errors (the older interfaces), which
 * is an array in some samples and `{}` in others.
 */
export function codeOf(json: JsonObject): string | null {
  const status = asText(asObject(json['status'])?.['code'])
  return status ?? errorCodeOf(json)
}

export function errorCodeOf(json: JsonObject): string | null {
  const errors = json['errors']
  return Array.isArray(errors) ? asText(asObject(errors[0])?.['code']) : null
}

/** Telesign's own words for it. */
export function descriptionOf(json: JsonObject): string | null {
  const errors = json['errors']
  const first = Array.isArray(errors) ? asObject(errors[0]) : null
  return asText(asObject(json['status'])?.['description']) ?? asText(first?.['description'])
}
