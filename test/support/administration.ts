import type { Response } from 'supertest'
import { expect } from 'vitest'
import type { Caller, TestService } from './service.js'

export interface TestOrganization {
  id: string
  /** The first admin key, with secrets:write */
  key: string
  admin: Caller
}

let count = 0

export async function createOrganization(service: TestService): Promise<TestOrganization> {
  count += 1
  const made = await service
    .as(service.platformKey)
    .post('/v1/organizations', { name: `Organization ${count}` })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  const { id, apiKey } = made.body
  return { id, key: apiKey.key, admin: service.as(apiKey.key) }
}

/** An API key with another role; for an agent, with the agent that it names. */
export async function createCaller(
  service: TestService,
  { admin }: TestOrganization,
  role: 'admin' | 'supervisor' | 'agent',
): Promise<{ caller: Caller; agentId: string | null; keyId: string }> {
  const agentId = role === 'agent' ? (await createAgent(admin)).id : null
  const made = await admin.post('/v1/api-keys', { name: `A key of role ${role}`, role, agentId })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  return { caller: service.as(made.body.key), agentId, keyId: made.body.id }
}

export async function createAgent(
  admin: Caller,
  fields: Partial<{ name: string; email: string; role: string; capacityUnits: number }> = {},
): Promise<{ id: string }> {
  count += 1
  const body = {
    name: `Agent ${count}`,
    email: `agent${count}@example.com`,
    role: 'agent',
    capacityUnits: 3,
    ...fields,
  }
  const made = await admin.post('/v1/agents', body)
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  return made.body
}

/** A short-lived token of an agent's user interface. */
export async function agentToken(admin: Caller, agentId: string): Promise<string> {
  const made = await admin.post(`/v1/agents/${agentId}/tokens`)
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  return made.body.token
}

/** Fails unless the answer is this refusal, as a problem document. Answers it. */
export function expectProblem(answer: Response, status: number, code: string): Record<string, unknown> {
  expect({ status: answer.status, code: answer.body.code }, JSON.stringify(answer.body)).toEqual({
    status,
    code,
  })
  expect(answer.headers['content-type']).toContain('application/problem+json')
  return answer.body
}

/** Walks all pages of a list and answers its rows. */
export async function everyPage(caller: Caller, path: string, limit: number): Promise<{ id: string }[]> {
  const rows: { id: string }[] = []
  const separator = path.includes('?') ? '&' : '?'
  let cursor: string | null = null
  do {
    const page: Response = await caller.get(
      `${path}${separator}limit=${limit}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`,
    )
    expect(page.status, JSON.stringify(page.body)).toBe(200)
    rows.push(...page.body.data)
    cursor = page.body.nextCursor
  } while (cursor)
  return rows
}

export const unknownId = '01900000-0000-7000-8000-000000000000'
