import { spawn } from 'node:child_process'
import { chown, mkdtemp, rmdir } from 'node:fs/promises'
import { join } from 'node:path'

/** How to run a PostgreSQL program here, and who must own its files (null: whoever we are). */
export type Launcher = {
  prefix: readonly string[]
  user: { uid: number; gid: number } | null
  owner: { uid: number; gid: number } | null
}

/** The user `nobody`; initdb wants an id that has a name. */
const nobody = { uid: 65_534, gid: 65_534 }

const ordinary: Launcher = { prefix: [], user: null, owner: null }

/**
 * PostgreSQL refuses to run as root. In the order tried: a user namespace in which root has another name
 * (works below root's own directories; refused in Docker's default profile and on hardened kernels), the
 * user nobody (cannot enter root's directories), nobody with the one capability to enter them.
 */
const forRoot: readonly Launcher[] = [
  {
    prefix: ['unshare', '--user', `--map-user=${nobody.uid}`, `--map-group=${nobody.gid}`, '--'],
    user: null,
    owner: { uid: 0, gid: 0 },
  },
  { prefix: [], user: nobody, owner: nobody },
  {
    prefix: [
      'setpriv',
      `--reuid=${nobody.uid}`,
      `--regid=${nobody.gid}`,
      '--clear-groups',
      // Otherwise access(2), by which PostgreSQL looks for its own files, ignores the capability.
      '--securebits=+no_setuid_fixup',
      '--inh-caps=+dac_override',
      '--ambient-caps=+dac_override',
      '--',
    ],
    user: null,
    owner: nobody,
  },
]

/** Picks the first way that can run `program` and write below `dataDir`, an existing directory. */
export async function chooseLauncher(program: string, dataDir: string): Promise<Launcher> {
  if (process.getuid?.() !== 0) return ordinary
  for (const launcher of forRoot) {
    if (await works(launcher, program, dataDir)) return launcher
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and no other user can work in ${dataDir} here (user namespaces are ` +
      'refused). Start Parley as an ordinary user, or set DATA_DIR to a directory that every user may enter ' +
      '(the folder of Parley too must be one), or set DATABASE_URL to a PostgreSQL server of your own.',
  )
}

async function works(launcher: Launcher, program: string, dataDir: string): Promise<boolean> {
  const probe = await mkdtemp(join(dataDir, 'probe-'))
  try {
    if (launcher.owner) await chown(probe, launcher.owner.uid, launcher.owner.gid)
    const test = 'test -w "$2" && "$1" --version'
    const result = await run([...launcher.prefix, 'sh', '-c', test, 'sh', program, probe], launcher.user)
    return result.code === 0
  } catch {
    return false
  } finally {
    await rmdir(probe)
  }
}

/** Runs a command to its end; the output is what it wrote on both streams. Rejects where it cannot be started. */
export async function run(
  command: readonly string[],
  user: Launcher['user'],
): Promise<{ code: number; output: string }> {
  const [file = '', ...args] = command
  return await new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], ...(user ?? {}) })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, output }))
  })
}
