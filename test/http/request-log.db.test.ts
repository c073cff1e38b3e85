import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { addAccount, post, twilioText } from '../channels/provider-calls.js'
import { standingCallbacks } from '../support/inbox.js'
import { TestOrganization } from '../support/organization.js'
import { eventually, startService } from '../support/service.js'

interface Line {
  level: string
  msg: string
  reqId?: string
  route?: string
  status?: number
}

async function startLogged() {
  const lines: Line[] = []
  const write = (line: string) => lines.push(JSON.parse(line))
  const said = (of: (line: Line) => boolean) => async () => lines.filter(of)
  const service = await startService({ idle: true, logLevel: 'debug', logTo: { write } })
  onTestFinished(() => service.close())
  return { service, org: await TestOrganization.create(service), said }
}

it('a fault of ours is in the log under the request id that the caller got, and so is the request', async () => {
  const { service, org, said } = await startLogged()
  const client = new pg.Client({ connectionString: service.databaseUrl })
  await client.connect()
  onTestFinished(() => client.end())
  await client.query('ALTER TABLE queues RENAME TO queues_that_nobody_finds')

  const answer = await org.admin.get('/v1/queues')

  expect(answer.status).toBe(500)
  const { requestId } = answer.body
  const lines = await eventually(
    said(({ reqId }) => reqId === requestId),
    ({ length }) => length === 2,
  )
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    ['error', 'request failed'],
    ['info', 'request'],
  ])
})

it('a callback has one line at debug, with the id that it has in the inbox', async () => {
  const { service, org, said } = await startLogged()
  const account = await addAccount(org)

  await post(service, twilioText(account))

  const [stored] = await standingCallbacks(service, org.id)
  const lines = await eventually(
    said(({ route }) => route === '/callbacks/twilio/:token'),
    ({ length }) => length === 1,
  )
  expect(lines).toMatchObject([{ level: 'debug', status: 200, reqId: stored?.id }])
})
