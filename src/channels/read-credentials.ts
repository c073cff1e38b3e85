import { AppError } from '../lib/errors.js'
import type { Provider } from '../providers/provider.js'
import type { Credentials } from './credentials.js'

/**
 * Reads credentials in the form that the provider gives them. Throws `validation_failed`, naming the field; a message
 * never repeats what was sent.
 */
export function readCredentials(provider: Provider, sent: Record<string, string>): Credentials {
  const { accountField, secretField } = provider
  const parsed = provider.credentials.safeParse(sent)
  if (parsed.success) {
    return { accountId: parsed.data[accountField] ?? '', secret: parsed.data[secretField] ?? '' }
  }
  const missing = [accountField, secretField].filter((field) => sent[field] === undefined)
  const errors = [
    ...missing.map((field) =>
      fault(field, `is missing: ${provider.name} takes ${accountField} and ${secretField}`),
    ),
    ...Object.keys(sent)
      .filter((field) => field !== accountField && field !== secretField)
      .map((field) => fault(field, `is unknown: ${provider.name} takes ${accountField} and ${secretField}`)),
    ...parsed.error.issues.flatMap(({ path, message }) => {
      const field = String(path[0] ?? '')
      return field === '' || missing.includes(field) ? [] : fault(field, message)
    }),
  ]
  const [first] = errors
  throw new AppError('validation_failed', first ? `"${first.path}" ${first.message}` : 'Wrong credentials', {
    errors,
  })
}

const fault = (field: string, message: string) => ({ path: `credentials.${field}`, message })
