import { createServer, type Server } from 'node:net'
import formbody from '@fastify/formbody'
import { fastify } from 'fastify'
import twilio from 'twilio'
import { firstMessage } from './wire.js'

const emptyTwiml = '<?xml version="1.0" encoding="UTF-8"?><Response/>'

/**
 * The limit for callbacks: a Fastify that parses the same body, checks the same signature and answers the same, and
 * does nothing else.
 */
export async function serveBare(port: number, authToken: string): Promise<void> {
  const app = fastify()
  await app.register(formbody)
  app.post('/callbacks/twilio/:token', (request, reply) => {
    const signature = String(request.headers['x-twilio-signature'])
    const url = `http://127.0.0.1:${port}${request.url}`
    const isGenuine = twilio.validateRequest(
      authToken,
      signature,
      url,
      request.body as Record<string, string>,
    )
    return isGenuine ? reply.type('text/xml').send(emptyTwiml) : reply.code(403).send()
  })
  await app.listen({ host: '127.0.0.1', port })
}

const trivialAnswer = `HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: ${emptyTwiml.length}\r\n\r\n${emptyTwiml}`

/** The limit of the load generator: a server that answers without looking. */
export function serveTrivial(port: number): Server {
  return createServer({ noDelay: true }, (socket) => {
    let received: Buffer = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      for (let bounds = firstMessage(received); bounds; bounds = firstMessage(received)) {
        received = received.subarray(bounds.end)
        socket.write(trivialAnswer)
      }
    })
  }).listen(port, '127.0.0.1')
}
