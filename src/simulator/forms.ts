import type { FastifyInstance } from 'fastify'

/** A form body as received (Telesign signs these bytes) and decoded. */
export interface FormBody {
  raw: string
  fields: URLSearchParams
}

/** Accepts forms and, as providers do, treats a call without a body as an empty form. */
export function acceptForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, raw: string, done) => done(null, { raw, fields: new URLSearchParams(raw) }),
  )
}

export function formOf(body: unknown): FormBody {
  return (body as FormBody | null | undefined) ?? { raw: '', fields: new URLSearchParams() }
}
