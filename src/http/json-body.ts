import type { FastifyInstance } from 'fastify'
import { storable } from '../lib/storable.js'

const decoder = new TextDecoder('utf-8', { fatal: true })

// A JSON escape that PostgreSQL cannot store: NUL, or a surrogate (which may be one without its other half)
const unstorableEscape = /\\u(0000|d[89a-f])/i

const storableValue = (_key: string, value: unknown): unknown =>
  typeof value === 'string' ? storable(value) : value

/**
 * JSON in valid UTF-8. An empty body counts as none, whatever its content type is said to be: `curl -d ''` and some
 * libraries name one for a POST without a body.
 */
export function registerJsonBody(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser(['application/json', 'text/plain'])
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined)
    let text: string
    try {
      text = decoder.decode(body as Buffer)
    } catch (error) {
      return done(Object.assign(error as Error, { statusCode: 400 }), undefined)
    }
    return parse(request, text, (error, value) => {
      if (error || !unstorableEscape.test(text)) return done(error, value)
      return done(null, JSON.parse(JSON.stringify(value), storableValue))
    })
  })
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    if (body.length === 0) done(null, undefined)
    else done(Object.assign(new Error('not JSON'), { statusCode: 415 }), undefined)
  })
}
