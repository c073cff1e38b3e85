import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import manifest from '../package.json' with { type: 'json' }

it('npm run sbom names every package, and marks what only development needs', async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '-s', 'sbom'], { maxBuffer: 64 * 1024 * 1024 })

  const bom = JSON.parse(stdout)
  const developing = new Map<string, boolean>(
    bom.components.map(({ name, properties = [] }: any) => [
      name,
      properties.some((property: any) => property.name === 'cdx:npm:package:development'),
    ]),
  )
  expect(bom.bomFormat).toBe('CycloneDX')
  expect([...developing.keys()]).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)))
  expect([developing.get('fastify'), developing.get('vitest')]).toEqual([false, true])
})
