import { z } from 'zod'

interface Node {
  $ref?: string
  format?: string
  properties?: Record<string, Node>
  items?: Node
  anyOf?: Node[]
  oneOf?: Node[]
  allOf?: Node[]
  $defs?: Record<string, Node>
}

/** Where a body names a row by its id, from the body's schema: `agentId`, `media.0.id`. */
export function referencesIn(bodySchema: unknown): string[] {
  const root = z.toJSONSchema(bodySchema as z.ZodType, { io: 'input', unrepresentable: 'any' }) as Node
  const found = new Set<string>()
  const seen = new Set<string>()
  const walk = (node: Node, path: string[]): void => {
    if (node.$ref) {
      const name = node.$ref.replace('#/$defs/', '')
      if (seen.has(name)) return
      seen.add(name)
      walk(root.$defs?.[name] ?? {}, path)
      return
    }
    if (node.format === 'uuid') found.add(path.join('.'))
    for (const [name, child] of Object.entries(node.properties ?? {})) walk(child, [...path, name])
    if (node.items) walk(node.items, [...path, '0'])
    for (const child of [node.anyOf, node.oneOf, node.allOf].flatMap((each) => each ?? [])) walk(child, path)
  }
  walk(root, [])
  return [...found]
}

export const valueAt = (body: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], body)

/** A copy of the body with another value in that place. */
export function withValueAt<Body>(body: Body, path: string, value: unknown): Body {
  const copy = structuredClone(body)
  const names = path.split('.')
  const last = names.pop() ?? ''
  const parent = names.reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], copy)
  ;(parent as Record<string, unknown>)[last] = value
  return copy
}
