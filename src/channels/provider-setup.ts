import type { Channel, ProviderName } from '../db/generated/enums.js'

/** A mail to the provider's support. */
interface MailSetup {
  to: string
  subject: string
  body: string
}

/** Where to paste the URL in the provider's console. */
interface ConsoleSetup {
  console: string
  steps: string[]
}

export type ProviderSetup = MailSetup | ConsoleSetup

interface Account {
  provider: ProviderName
  channel: Channel
  providerAccountId: string
  sandbox: boolean
}

/** What the admin must do at the provider, so that it calls `url`. */
export const providerSetup = (account: Account, url: string): ProviderSetup =>
  account.provider === 'telesign' ? telesignMail(account, url) : twilioSteps(account, url)

/** Telesign's support enters the URL; it knows the request by this subject (source document 004). */
const telesignMail = ({ providerAccountId }: Account, url: string): MailSetup => ({
  to: 'support@telesign.com',
  subject: 'Omnichannel for Customer Service callback URL update request',
  body: [
    'Hello Telesign Support,',
    '',
    'please set the callback URL of our account, for inbound SMS and for delivery reports:',
    '',
    `Customer ID: ${providerAccountId}`,
    `Callback URL: ${url}`,
    '',
    'Please also confirm that two-way (inbound) SMS is enabled for our numbers.',
    '',
    'Thank you.',
  ].join('\n'),
})

const paste = (url: string) => `paste this URL whole, with the part after "#", and choose HTTP POST: ${url}`

const twilioSteps = ({ channel, sandbox }: Account, url: string): ConsoleSetup => ({
  console: 'https://console.twilio.com/',
  steps: [
    ...(channel === 'sms' ? smsSteps(url) : whatsappSteps(url, sandbox)),
    'Leave the URL for delivery reports alone: every message that is sent names its own.',
    'Opt-out words (STOP, START, HELP) are set at Twilio: Messaging > Services > Opt-Out Management.',
  ],
})

const serviceStep = (url: string): string =>
  `Messaging > Services > the service > Integration > "Send a webhook": in "Request URL" ${paste(url)}`

const smsSteps = (url: string): string[] => [
  `Phone Numbers > Manage > Active numbers > the number > Messaging Configuration: under "A message comes in" choose Webhook, ${paste(url)}`,
  `For numbers in a Messaging Service instead: ${serviceStep(url)}`,
]

function whatsappSteps(url: string, sandbox: boolean): string[] {
  const sandboxStep = `Messaging > Try it out > Send a WhatsApp message > Sandbox settings: in "WHEN A MESSAGE COMES IN" ${paste(url)}`
  if (sandbox) return [sandboxStep]
  return [
    `Messaging > Senders > WhatsApp senders > the sender > Messaging Endpoint Configuration: in "Webhook URL for incoming messages" ${paste(url)}`,
    `For senders in a Messaging Service instead: ${serviceStep(url)}`,
    `To try it in Twilio's sandbox: ${sandboxStep}`,
  ]
}
