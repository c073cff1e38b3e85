import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Container } from './container.js'
import type { OrgCaller } from './lib/caller.js'
import { newId } from './lib/ids.js'
import type { Simulator } from './simulator/server.js'

interface Parts {
  container: Container
  simulator: Simulator
  dataDir: string
}

const savedAccount = z.object({
  provider: z.enum(['twilio', 'telesign']),
  channel: z.enum(['sms', 'whatsapp']),
  credentials: z.record(z.string(), z.string()),
  callbackUrl: z.string(),
  number: z.string(),
})

const saved = z.object({
  organizationId: z.string(),
  adminKey: z.string(),
  agentKey: z.string(),
  agentId: z.string(),
  accounts: z.array(savedAccount),
})

type Saved = z.infer<typeof saved>

const hex = (bytes: number): string => randomBytes(bytes).toString('hex')
const twilioCredentials = () => ({ accountSid: `AC${hex(16)}`, authToken: hex(16) })
const telesignCredentials = () => ({
  customerId: `${hex(4)}-${hex(2)}-${hex(2)}-${hex(2)}-${hex(6)}`.toUpperCase(),
  apiKey: randomBytes(64).toString('base64'),
})

/** One account with one number for each way that a customer can write. */
const channels = [
  {
    name: 'Twilio SMS',
    provider: 'twilio',
    channel: 'sms',
    number: '+14252306549',
    credentials: twilioCredentials,
  },
  {
    name: 'Twilio WhatsApp',
    provider: 'twilio',
    channel: 'whatsapp',
    number: '+14155550142',
    credentials: twilioCredentials,
  },
  {
    name: 'Telesign SMS',
    provider: 'telesign',
    channel: 'sms',
    number: '+12065550177',
    credentials: telesignCredentials,
  },
] as const

/**
 * Makes the demonstration organization at the first start, and tells the simulator of its accounts at every start. What
 * is needed for that stays in DATA_DIR: keys are only shown once. Answers what a person needs to try it.
 */
export async function prepareDemonstration({ container, simulator, dataDir }: Parts): Promise<string> {
  const file = join(dataDir, 'demonstration.json')
  const demo = (await readSaved(file)) ?? (await create(container, file))
  for (const { number, credentials, ...account } of demo.accounts) {
    simulator.accounts.add({
      ...account,
      credentials: credentials as { accountSid: string; authToken: string },
      numbers: [{ number }],
      // The simulator forgets, at each start, when a customer last wrote
      options: { window: 'lenient' },
    })
  }
  return describe(demo, simulator.url, container.settings.publicUrl)
}

async function readSaved(file: string): Promise<Saved | null> {
  const text = await readFile(file, 'utf8').catch(() => null)
  return text === null ? null : saved.parse(JSON.parse(text))
}

async function create(container: Container, file: string): Promise<Saved> {
  const { organizations, agents, apiKeys, queues, contacts } = container
  const origin = { requestId: newId(), address: 'demonstration', forwardedFor: null, userAgent: null }
  const organization = await organizations.create(
    { kind: 'platform', origin },
    { name: 'Demonstration', timeZone: 'UTC' },
  )
  const admin: OrgCaller = {
    kind: 'organization',
    orgId: organization.id,
    keyId: organization.apiKey.id,
    role: 'admin',
    permissions: ['secrets:write'],
    agentId: null,
    agentName: null,
    origin,
  }
  const agent = await agents.create(admin, {
    name: 'Alex Agent',
    email: 'alex@example.com',
    role: 'agent',
    capacityUnits: 5,
  })
  const agentKey = await apiKeys.create(admin, {
    name: 'Demonstration agent',
    role: 'agent',
    permissions: [],
    agentId: agent.id,
  })
  const [queue] = (await queues.list(admin, { limit: 1 })).data
  if (queue) await queues.addMember(admin, queue.id, agent.id)
  await agents.setPresence(admin, agent.id, { presence: 'available' })
  await contacts.create(admin, {
    name: 'Casey Customer',
    mobilePhone: '+12065550100',
    attributes: {},
    addresses: [],
    active: true,
    preferredAgentIds: [],
  })
  const accounts: Saved['accounts'] = []
  for (const one of channels) accounts.push(await createAccount(container, admin, one))
  const demo: Saved = {
    organizationId: organization.id,
    adminKey: organization.apiKey.key ?? '',
    agentKey: agentKey.key ?? '',
    agentId: agent.id,
    accounts,
  }
  await writeFile(file, `${JSON.stringify(demo, null, 2)}\n`, { mode: 0o600 })
  return demo
}

async function createAccount(
  { accounts, numbers }: Container,
  admin: OrgCaller,
  { name, provider, channel, number, credentials: make }: (typeof channels)[number],
): Promise<Saved['accounts'][number]> {
  const credentials = make()
  const account = await accounts.create(admin, { name, provider, channel, credentials })
  await numbers.create(admin, {
    accountId: account.id,
    number,
    ...(channel === 'whatsapp' && { name: 'WhatsApp' }),
  })
  return { provider, channel, credentials, callbackUrl: account.callbackUrl, number }
}

function describe(
  { organizationId, adminKey, agentKey, accounts }: Saved,
  simulatorUrl: string,
  publicUrl: string,
): string {
  const lines = accounts.map(({ provider, channel, number }) => `  ${number}  ${provider} ${channel}`)
  const sms = accounts.find(({ channel }) => channel === 'sms')?.number ?? ''
  return [
    '',
    `Demonstration organization ${organizationId}`,
    `  admin key  ${adminKey}`,
    `  agent key  ${agentKey}`,
    'Its numbers, played by the provider simulator:',
    ...lines,
    `Text as a customer on the phone at ${simulatorUrl}, or:`,
    `  curl -d from=+12065550100 -d to=${sms} -d 'text=Hello' ${simulatorUrl}/text`,
    'See it arrive as the agent:',
    `  curl -H 'Authorization: Bearer ${agentKey}' '${publicUrl}/v1/conversations?view=mine'`,
    '',
  ].join('\n')
}
