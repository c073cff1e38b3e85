import type { TestService } from './service.js'

/** Tells the simulated provider how to behave, or has it do something (src/simulator/customer-routes.ts). */
export async function tellProvider(
  { simulator }: Pick<TestService, 'simulator'>,
  path: 'faults' | 'settings' | 'replay' | 'window' | 'text' | 'forge' | 'accounts',
  body: object,
): Promise<any> {
  const answer = await fetch(`${simulator.url}/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`The simulator refused ${path}: ${answer.status} ${text}`)
  return text === '' ? null : JSON.parse(text)
}
