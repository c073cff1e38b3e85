import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { nodeFlags } from '../../src/bench/service-process.js'

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')

it('Node.js is started alike by npm start, in the container, in the bench and as the README says', () => {
  const flags = nodeFlags.join(' ')
  const asArguments = nodeFlags.map((flag) => `"${flag}", `).join('')

  expect(JSON.parse(read('package.json')).scripts.start).toContain(`exec node ${flags} dist/main.js`)
  expect(read('Dockerfile')).toContain(`CMD ["node", ${asArguments}"dist/main.js"]`)
  expect(read('README.md')).toContain(`node ${flags} dist/main.js`)
})
