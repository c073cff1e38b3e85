/** Every code that a caller can meet (api.md 1): its HTTP status and its title. */
export const problemCatalogue = {
  malformed_body: { status: 400, title: 'The body cannot be read' },
  unauthenticated: { status: 401, title: 'A valid key or token is needed' },
  forbidden: { status: 403, title: 'Your role may not do this' },
  organization_suspended: { status: 403, title: 'The organization is suspended' },
  not_found: { status: 404, title: 'Not found' },
  invalid_transition: { status: 409, title: 'The conversation is not in a state that allows this' },
  already_assigned: { status: 409, title: 'Another agent was first' },
  session_window_closed: { status: 409, title: 'The 24-hour window is closed' },
  contact_opted_out: { status: 409, title: 'The customer has opted out' },
  channel_disabled: { status: 409, title: 'The organization may not use this channel' },
  conflict: { status: 409, title: 'This conflicts with something that exists' },
  body_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  validation_failed: { status: 422, title: 'The request is not valid' },
  message_too_long: { status: 422, title: 'The message is too long' },
  attachments_disabled: { status: 422, title: 'Attachments are not possible here' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key belongs to another request' },
  rate_limited: { status: 429, title: 'Too many requests' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  provider_unreachable: { status: 502, title: 'The provider cannot be reached' },
  unavailable: { status: 503, title: 'Not possible at this moment' },
} as const

export type ProblemCode = keyof typeof problemCatalogue

/** A refusal that a caller is told about. Anything else that is thrown is a defect, or a dependency that is down. */
export class AppError extends Error {
  /**
   * @param detail a sentence for people: what is wrong, where, what to do
   * @param members further facts for programs, beside the code
   */
  constructor(
    readonly code: ProblemCode,
    detail: string,
    readonly members: Record<string, unknown> = {},
  ) {
    super(detail)
    this.name = 'AppError'
  }
}

export const notFound = (what: string): AppError => new AppError('not_found', `There is no such ${what}.`)

/** A field that is well formed but cannot be accepted, found after the schema has passed. */
export const invalidField = (path: string, message: string): AppError =>
  new AppError('validation_failed', message, { errors: [{ path, message }] })
