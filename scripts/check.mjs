// `npm run check`: format, lint, types, import rules, unused code, lock file; side by side, in seconds. Writes what the
// failing ones found and ends with 1.
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
// Below this the cruiser did not find the sources (it reads nothing, and calls that a success, with TypeScript 7).
const leastModules = 30

const checks = [
  {
    name: 'format and lint',
    command: ['@biomejs/biome/bin/biome', 'ci', '--error-on-warnings', '--colors=off'],
  },
  { name: 'types', command: ['typescript/bin/tsc', '-p', 'tsconfig.test.json', '--pretty', 'false'] },
  {
    name: 'import rules',
    command: [
      'dependency-cruiser/bin/dependency-cruise.mjs',
      'src',
      '--config',
      '.dependency-cruiser.cjs',
      '--output-type',
      'json',
    ],
    judge: judgeImports,
  },
  {
    name: 'unused code',
    command: [
      'knip/bin/knip.js',
      '--no-progress',
      '--cache',
      '--cache-location',
      'node_modules/.cache/parley/knip',
    ],
  },
  { name: 'lock file', command: ['../scripts/complete-lock.mjs', '--check'] },
]

process.chdir(root)
mkdirSync('node_modules/.cache/parley', { recursive: true })
const started = performance.now()
const results = await Promise.all(checks.map(execute))
for (const { name, ok, output, seconds } of results) {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name} (${seconds} s)`)
  if (!ok) console.log(`\n${output.trim()}\n`)
}
const failed = results.filter(({ ok }) => !ok).map(({ name }) => name)
console.log(
  failed.length === 0 ? `All checks passed in ${secondsSince(started)} s.` : `Failed: ${failed.join(', ')}.`,
)
process.exitCode = failed.length === 0 ? 0 : 1

async function execute({ name, command, judge = (code, output) => ({ ok: code === 0, output }) }) {
  const begin = performance.now()
  const [script, ...args] = command
  const child = spawn(process.execPath, [`node_modules/${script}`, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (chunk) => {
      chunks[stream] += chunk
    })
  }
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { name, ...judge(code, chunks.stdout + chunks.stderr, chunks.stdout), seconds: secondsSince(begin) }
}

function judgeImports(_code, output, stdout) {
  let summary
  try {
    summary = JSON.parse(stdout).summary
  } catch {
    return { ok: false, output }
  }
  const lines = summary.violations.map(({ rule, from, to, cycle }) => {
    const way = cycle ? cycle.map((step) => step.name).join(' → ') : to
    return `${rule.name}: ${from} → ${way}`
  })
  if (summary.totalCruised <= leastModules) lines.push(`Only ${summary.totalCruised} modules were read.`)
  return { ok: lines.length === 0, output: lines.join('\n') }
}

function secondsSince(begin) {
  return ((performance.now() - begin) / 1000).toFixed(1)
}
