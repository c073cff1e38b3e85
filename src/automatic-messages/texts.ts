import type { Trigger } from './triggers.js'

/** By BCP 47 tag. */
export type Texts = Readonly<Record<string, string>>

export const slugs = ['AgentName', 'QueueName'] as const
export type Names = Readonly<Record<(typeof slugs)[number], string>>

const slugPattern = /\{([^{}]*)\}/g

/** What stands in braces and is no slug. */
export const unknownSlugs = (text: string): string[] =>
  [...text.matchAll(slugPattern)].flatMap(([whole, name]) =>
    (slugs as readonly string[]).includes(name ?? '') ? [] : whole,
  )

export const withoutSlugs = (text: string): string => text.replace(slugPattern, '')

export const fillIn = (text: string, names: Names): string =>
  text.replace(slugPattern, (whole, name: keyof Names) => names[name] ?? whole)

const languageOf = (tag: string): string | undefined => tag.split('-')[0]?.toLowerCase()

/** In this language, else in another form of it, else in the default language. */
export function textIn(texts: Texts, language: string, defaultLanguage: string): string {
  const near = Object.keys(texts).find((tag) => languageOf(tag) === languageOf(language))
  return texts[language] ?? (near && texts[near]) ?? texts[defaultLanguage] ?? ''
}

export const defaultTexts: Readonly<Record<Trigger, string>> = {
  conversation_started: 'Thank you for your message. We will answer as soon as we can.',
  out_of_hours: 'Thank you for your message. We are closed now and will answer when we open again.',
  holiday: 'Thank you for your message. We are closed for a holiday and will answer when we are back.',
  agent_assigned: '{AgentName} will be with you shortly.',
  assignment_failed: 'Nobody can take care of your message at the moment. We will answer as soon as we can.',
  agent_joined: '{AgentName} has joined the conversation.',
  transfer_accepted: '{AgentName} has taken over the conversation.',
  agent_disconnected:
    '{AgentName} has lost the connection. A colleague will be with you as soon as possible.',
  consult_accepted: '{AgentName} is helping with your conversation.',
  consult_ended: '{AgentName} no longer helps with your conversation.',
  participant_joined: '{AgentName} has joined the conversation.',
  participant_left: '{AgentName} has left the conversation.',
  conversation_ended: '{AgentName} has ended the conversation.',
  session_ended: 'This conversation is closed. Write again whenever you need us.',
  overflow_ended: 'We cannot take your message now. Please write again later.',
}
