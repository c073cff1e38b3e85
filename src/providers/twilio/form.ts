import { parse } from 'node:querystring'
import { storable } from '../../lib/storable.js'
import type { CallbackRequest } from '../provider.js'

export type Form = Record<string, string | string[] | undefined>

/**
 * The form fields of a callback, read once per request. Node's own parser does what the signature needs: it keeps
 * blank values and line breaks, trims nothing, makes arrays of repeated names and no objects of `a[b]`, and its
 * result has no prototype. Its limit of 1000 names is lifted, as a dropped name would break the signature.
 */
export function formOf(request: CallbackRequest): Form {
  request.read ??= parse(request.body, '&', '=', { maxKeys: 0 })
  return request.read as Form
}

/** The first value of a field, as it can be stored; undefined where it is missing or empty. */
export function field(form: Form, name: string): string | undefined {
  const value = form[name]
  const first = storable((Array.isArray(value) ? value[0] : value) ?? '')
  return first === '' ? undefined : first
}
