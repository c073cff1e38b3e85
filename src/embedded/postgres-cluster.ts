import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PostgresBinaries } from './postgres-binaries.js'
import { type Launcher, run } from './postgres-launcher.js'

export type Cluster = { directory: string; password: string }

export const clusterOwner = 'parley'

/** Inside the cluster's own directory, so that neither can be moved or lost without the other. */
const passwordFile = 'parley-password'

/**
 * The cluster `pg<major>` in `dataDir`, made where there is none. A set-up that was interrupted leaves
 * nothing that could be taken for a cluster: it is made beside its place and renamed.
 */
export async function prepareCluster(
  dataDir: string,
  binaries: PostgresBinaries,
  launcher: Launcher,
): Promise<Cluster> {
  const directory = join(dataDir, `pg${binaries.major}`)
  const found = await clusterVersion(directory)
  if (found === null) {
    await refuseOtherVersions(dataDir, binaries.major)
    await createCluster(directory, binaries, launcher)
  } else if (found !== binaries.major) {
    throw new Error(upgradeSteps(directory, found, binaries.major))
  }
  await giveTo(launcher.owner, directory)
  return { directory, password: (await readFile(join(directory, passwordFile), 'utf8')).trim() }
}

async function clusterVersion(directory: string): Promise<number | null> {
  try {
    return Number.parseInt(await readFile(join(directory, 'PG_VERSION'), 'utf8'), 10)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new Error(
      `The database in ${directory} cannot be read (${(error as Error).message}). It probably belongs to another ` +
        'user: start Parley as that user, or set DATA_DIR to another directory.',
      { cause: error },
    )
  }
}

async function refuseOtherVersions(dataDir: string, major: number): Promise<void> {
  for (const name of await readdir(dataDir)) {
    const other = /^pg(\d+)$/.exec(name)?.[1]
    if (other !== undefined) throw new Error(upgradeSteps(join(dataDir, name), Number(other), major))
  }
}

function upgradeSteps(directory: string, found: number, major: number): string {
  return [
    `${directory} was made by PostgreSQL ${found}; this version of Parley runs PostgreSQL ${major} and cannot read it.`,
    'To move the data:',
    '  1. Start the version of Parley that you used before. While it runs, save the database (the address is in',
    '     the file database-url of DATA_DIR): pg_dump --format=custom --file=parley.dump "$(cat database-url)"',
    `  2. Stop it, and move ${directory} out of DATA_DIR. Keep every other file there: the keys are among them.`,
    '  3. Start this version once with SIMULATOR=off, and while it runs:',
    '     pg_restore --clean --if-exists --dbname="$(cat database-url)" parley.dump',
    '  4. Start it again.',
  ].join('\n')
}

async function createCluster(
  directory: string,
  binaries: PostgresBinaries,
  launcher: Launcher,
): Promise<void> {
  const draft = `${directory}.new`
  const passwordDraft = `${draft}.password`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { mode: 0o700 })
  const password = randomBytes(24).toString('base64url')
  await writeFile(passwordDraft, `${password}\n`, { mode: 0o600 })
  if (launcher.owner) {
    await chown(draft, launcher.owner.uid, launcher.owner.gid)
    await chown(passwordDraft, launcher.owner.uid, launcher.owner.gid)
  }
  const result = await run(
    [
      ...launcher.prefix,
      binaries.initdb,
      `--pgdata=${draft}`,
      `--username=${clusterOwner}`,
      `--pwfile=${passwordDraft}`,
      '--auth=scram-sha-256',
      // Without LANG in the environment initdb would choose SQL_ASCII; the built-in provider sorts alike everywhere.
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--locale=C.UTF-8',
      '--no-instructions',
    ],
    launcher.user,
  )
  if (result.code !== 0) {
    throw new Error(`The embedded PostgreSQL could not be set up in ${directory}:\n${result.output.trim()}`)
  }
  await rename(passwordDraft, join(draft, passwordFile))
  await rename(draft, directory)
}

/** After a start in another way (as root in a namespace, then as nobody) the files have another owner. */
async function giveTo(owner: Launcher['owner'], directory: string): Promise<void> {
  if (owner === null || (await stat(directory)).uid === owner.uid) return
  const result = await run(['chown', '-R', `${owner.uid}:${owner.gid}`, directory], null)
  if (result.code !== 0)
    throw new Error(`The owner of ${directory} cannot be changed:\n${result.output.trim()}`)
  await chmod(directory, 0o700)
}
