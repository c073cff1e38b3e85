// Adds to package-lock.json the optional packages of other machines that npm left out because the registry in use did
// not offer them; `npm ci` refuses a lock file without them, everywhere. To be run after `npm install`.
// --check only tells whether something is missing (`npm run check`). Such an entry has no checksum: the registry of the
// machine that needs the package supplies it.
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8'))
const missing = findMissing(lock.packages)

if (process.argv.includes('--check')) {
  if (missing.length > 0) {
    console.error('package-lock.json lacks these packages, so that "npm ci" would refuse it:')
    for (const { path } of missing) console.error(`  ${path}`)
    console.error('Run: node scripts/complete-lock.mjs')
    process.exitCode = 1
  }
} else if (missing.length > 0) {
  for (const { path, entry } of missing) lock.packages[path] = entry
  const byPath = ([a], [b]) => (a < b ? -1 : 1)
  lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(byPath))
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
}

function findMissing(packages) {
  return Object.entries(packages).flatMap(([parent, entry]) =>
    Object.entries(entry.optionalDependencies ?? {})
      .filter(
        ([name]) => !(`node_modules/${name}` in packages) && !(`${parent}/node_modules/${name}` in packages),
      )
      .map(([name, version]) => ({
        path: `node_modules/${name}`,
        entry: { version, ...machineOf(name), ...(entry.dev ? { dev: true } : {}), optional: true },
      })),
  )
}

/** Platform packages carry their machine in the name: `binding-linux-arm-gnueabihf`, `cli-linux-x64-musl`. */
function machineOf(name) {
  const words = name.split(/[/-]/)
  const first = (known) => known.filter((word) => words.includes(word)).slice(0, 1)
  const os = first([
    'android',
    'darwin',
    'freebsd',
    'linux',
    'netbsd',
    'openbsd',
    'openharmony',
    'sunos',
    'win32',
  ])
  const cpu = first(['arm64', 'arm', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'])
  if (os.length === 0 || cpu.length === 0) {
    throw new Error(
      `${name} is missing in package-lock.json, and its name does not tell which machine it is for.`,
    )
  }
  const libc = words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc'
  const isLibcKnown = words.some((word) => /^(musl|gnu)/.test(word))
  return { cpu, ...(isLibcKnown ? { libc: [libc] } : {}), os }
}
