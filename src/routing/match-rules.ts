/**
 * Whether conditions of rules hold (domain.md 5.2, 5.3). Text is compared without regard to
 * case, except values of context variables, whose case counts (domain.md 14). Phone numbers are compared in E.164, with
 * or without the plus that the rule or the fact was written with.
 */
import { type Condition, longestText } from '../workstreams/condition.js'

export type Fact = string | number | boolean | null | undefined

export interface RoutingFacts {
  customerAddress: string
  businessNumber: string
  channel: string
  provider: string
  language: string
  authenticated: boolean
  context: Record<string, Fact>
  firstText: string
  contact: {
    name: string
    mobilePhone: string | null
    email: string | null
    attributes: Record<string, Fact>
  } | null
}

/** Compares conditions with the facts of one conversation. Throws where a condition cannot be evaluated. */
export class Matcher {
  /** The facts as they are compared, by field: each is prepared once, however many rules ask for it */
  private readonly normal = new Map<string, string>()

  constructor(private readonly facts: RoutingFacts) {}

  matches(when: Condition): boolean {
    return holds(when, this.facts, this.normal)
  }
}

function holds(condition: Condition, facts: RoutingFacts, normal: Map<string, string>): boolean {
  if ('all' in condition) return condition.all.every((part) => holds(part, facts, normal))
  if ('any' in condition) return condition.any.some((part) => holds(part, facts, normal))
  if ('not' in condition) return !holds(condition.not, facts, normal)
  const { field, op, value } = condition
  const fact = factOf(field, facts)
  if (op === 'exists') return (fact !== null && fact !== undefined && fact !== '') === (value !== false)
  if (fact === null || fact === undefined) return op === 'not_equals'
  if (op === 'greater_than' || op === 'less_than') return isOrdered(op, fact, value)
  const same = normalizer(field)
  const prepared = normal.get(field) ?? same(fact)
  normal.set(field, prepared)
  if (op === 'in') return Array.isArray(value) && value.some((one) => same(one) === prepared)
  return isAlike(op, prepared, same(value as Fact))
}

function isAlike(op: string, fact: string, value: string): boolean {
  switch (op) {
    case 'equals':
      return fact === value
    case 'not_equals':
      return fact !== value
    case 'begins_with':
      return fact.startsWith(value)
    case 'ends_with':
      return fact.endsWith(value)
    case 'contains':
      return fact.slice(0, longestText).includes(value)
    default:
      throw new Error(`A rule has the unknown operator "${op}"`)
  }
}

function isOrdered(op: 'greater_than' | 'less_than', fact: Fact, value: unknown): boolean {
  const [left, right] = [Number(fact), Number(value)]
  if (Number.isNaN(left) || Number.isNaN(right) || fact === '' || value === '') return false
  return op === 'greater_than' ? left > right : left < right
}

const phoneFields = new Set(['contact.mobilePhone', 'customerAddress', 'businessNumber'])

function normalizer(field: string): (value: Fact) => string {
  if (phoneFields.has(field)) return (value) => String(value).replace(/^\+/, '').toLowerCase()
  if (field.startsWith('context.')) return String
  return (value) => String(value).toLowerCase()
}

function factOf(field: string, facts: RoutingFacts): Fact {
  const own = (record: Record<string, Fact> | undefined, name: string): Fact =>
    record && Object.hasOwn(record, name) ? record[name] : undefined
  if (field.startsWith('context.')) return own(facts.context, field.slice('context.'.length))
  if (field.startsWith('contact.attributes.')) {
    return own(facts.contact?.attributes, field.slice('contact.attributes.'.length))
  }
  switch (field) {
    case 'contact.mobilePhone':
      return facts.contact?.mobilePhone
    case 'contact.name':
      return facts.contact?.name
    case 'contact.email':
      return facts.contact?.email
    case 'firstMessage.text':
      return facts.firstText
    case 'customerAddress':
    case 'businessNumber':
    case 'channel':
    case 'provider':
    case 'language':
    case 'authenticated':
      return facts[field]
    default:
      throw new Error(`A rule asks for the unknown field "${field}"`)
  }
}
