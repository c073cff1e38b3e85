// Brings a clone to the point where it can run: packages, generated database client, build. Does only what is
// missing, so a second start costs a fraction of a second. Plain Node.js: nothing is installed yet when it runs.
// --no-build stops before the build (`npm run check` compiles by itself).
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const cacheFolder = join(root, 'node_modules', '.cache', 'parley')
const generatedClient = join(root, 'src', 'db', 'generated')
const oldestNode = [20, 19]

refuseOldNode()
process.chdir(root)
await lock()
installPackages()
generateDatabaseClient()
if (!process.argv.includes('--no-build')) build()
process.exit(0)

function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return
  fail(`Parley needs Node.js ${oldestNode.join('.')} or later; this is ${process.versions.node}.`)
}

/**
 * `npm start` and `npm test` may be called at once on a fresh clone: the second waits for the first. A listening
 * socket, not a file: the kernel takes it back however the process ends.
 */
async function lock() {
  const name = `parley-setup-${hash(root).slice(0, 32)}`
  const path = process.platform === 'linux' ? `\0${name}` : join(tmpdir(), `${name}.sock`)
  for (let waited = false; ; waited = true) {
    const server = createServer().unref()
    const taken = await new Promise((resolve, reject) => {
      server.once('error', (error) => (error.code === 'EADDRINUSE' ? resolve(true) : reject(error)))
      server.listen(path, () => resolve(false))
    })
    if (!taken) return
    if (!(await answers(path))) rmSync(path, { force: true })
    if (!waited) say('Waiting for another set-up of this folder …')
    await delay(200)
  }
}

/** Outside Linux the name is a file, which a killed process leaves. */
async function answers(path) {
  if (path.startsWith('\0')) return true
  return await new Promise((resolve) => {
    const socket = connect(path, () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.unref()
  })
}

function installPackages() {
  const wanted = hash(readFileSync('package-lock.json'))
  if (stamp('packages') === wanted) return
  if (!installedMatches()) {
    say('Installing packages …')
    // Building needs the development packages also where NODE_ENV or npm's settings leave them out. No package here
    // needs its install script (the service restores PostgreSQL's symlinks itself, Prisma's would fetch an engine).
    npm(['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--include=dev', '--include=optional'])
  }
  setStamp('packages', wanted)
}

/** Whether someone installed exactly what the lock file says, going by the record that npm leaves. */
function installedMatches() {
  const record = readIfThere(join('node_modules', '.package-lock.json'))
  if (record === null) return false
  const installed = JSON.parse(record).packages
  const wanted = Object.entries(JSON.parse(readFileSync('package-lock.json', 'utf8')).packages)
  return wanted.every(
    ([path, entry]) =>
      path === '' ||
      installed[path]?.version === entry.version ||
      (entry.optional && installed[path] === undefined && !fitsThisMachine(entry)),
  )
}

/** An optional package without a machine of its own is there for one that has. */
function fitsThisMachine({ os, cpu, libc }) {
  if (os === undefined && cpu === undefined) return false
  const fits = (list, value) => list === undefined || list.includes(value)
  return fits(os, process.platform) && fits(cpu, process.arch) && fits(libc, 'glibc')
}

/** npm puts its own path into the environment of the scripts it runs; on Windows `npm` is no program. */
function npm(args) {
  const script = process.env.npm_execpath
  const quiet = [...args, '--loglevel=error']
  if (script?.endsWith('.js')) run(process.execPath, [script, ...quiet])
  else run('npm', quiet)
}

function generateDatabaseClient() {
  const schema = join('prisma', 'schema.prisma')
  if (!existsSync(schema)) return
  const prisma = JSON.parse(readFileSync(join('node_modules', 'prisma', 'package.json'), 'utf8'))
  const wanted = hash(prisma.version, readFileSync(schema), readIfThere('prisma.config.ts') ?? '')
  if (stamp('client') === wanted && existsSync(join(generatedClient, 'client.ts'))) return
  say('Generating the database client …')
  run(process.execPath, [join('node_modules', 'prisma', prisma.bin.prisma), 'generate'], {
    // Prisma looks for its engine before any command and would fetch it; generating never runs it.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    CHECKPOINT_DISABLE: '1',
  })
  setStamp('client', wanted)
}

function build() {
  const files = filesBelow('src')
  const wanted = hash(...files.map(fingerprint), ...['tsconfig.json', 'package-lock.json'].map(fingerprint))
  if (stamp('build') === wanted && existsSync(join('dist', 'main.js'))) return
  say('Building …')
  removeLeftovers(files)
  run(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.json'])
  for (const file of files.filter((name) => !name.endsWith('.ts'))) {
    const target = join('dist', relative('src', file))
    mkdirSync(dirname(target), { recursive: true })
    copyFileSync(file, target)
  }
  setStamp('build', wanted)
}

/** The compiler leaves what it made of a source that is gone; the next run makes everything again. */
function removeLeftovers(files) {
  const sources = new Set(files)
  const orphan = filesBelow('dist').some((file) => {
    const source = join('src', relative('dist', file)).replace(/\.js(\.map)?$/, '.ts')
    return !file.endsWith('.tsbuildinfo') && !sources.has(source)
  })
  if (orphan) rmSync('dist', { recursive: true, force: true })
}

function filesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort()
}

function fingerprint(file) {
  const { size, mtimeMs } = statSync(file)
  return `${file} ${size} ${mtimeMs}`
}

function stamp(name) {
  return readIfThere(join(cacheFolder, name))
}

function setStamp(name, value) {
  mkdirSync(cacheFolder, { recursive: true })
  writeFileSync(join(cacheFolder, name), value)
}

function hash(...parts) {
  const sum = createHash('sha256')
  for (const part of parts) sum.update(part).update('\0')
  return sum.digest('hex')
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return null
    throw error
  }
}

/** Shows what the program wrote only where it failed. */
function run(program, args, env = {}) {
  const result = spawnSync(program, args, {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (result.status === 0) return
  fail(
    [
      `${[program, ...args].join(' ')} failed:`,
      result.error?.message ?? '',
      result.stdout ?? '',
      result.stderr ?? '',
    ]
      .filter((text) => text.trim() !== '')
      .join('\n'),
  )
}

function say(text) {
  console.error(text)
}

function fail(text) {
  console.error(text)
  process.exit(1)
}
