// `npm run test:previous-release [-- files]`: runs the tests of the previous release against this folder's schema. In a
// rollout that release works on with it. A release is a commit with a tag v*; the previous one is the newest before HEAD.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const migrations = join('prisma', 'migrations')

process.chdir(root)
const release = previousRelease()
if (release === null) say(whyNone())
else if (addedSince(release).length === 0) say(`The schema is that of ${release}: nothing to check.`)
else process.exitCode = runTestsOf(release)

/** The commit before HEAD, so that a release is checked against the one before it and not against itself. */
function previousRelease() {
  const { status, stdout } = git('describe', '--tags', '--match', 'v*', '--abbrev=0', 'HEAD^')
  return status === 0 ? stdout.trim() : null
}

function whyNone() {
  const isShallow = git('rev-parse', '--is-shallow-repository').stdout.trim() === 'true'
  return isShallow
    ? 'No previous release is known: this clone has no history. To check against one: git fetch --unshallow --tags'
    : 'There is no previous release yet, so nothing to check. A tag makes one: git tag v1.0.0'
}

/** Names of the migrations that the release does not have. */
function addedSince(tag) {
  const known = git('ls-tree', '--name-only', `${tag}:prisma/migrations`).stdout.split('\n')
  return readdirSync(migrations).filter((name) => !known.includes(name))
}

/** In a folder of its own, set up as any clone of that release is. Answers the exit code. */
function runTestsOf(tag) {
  say(`The tests of ${tag} against the schema with ${addedSince(tag).join(', ')} …`)
  const tree = mkdtempSync(join(tmpdir(), 'parley-previous-'))
  try {
    const archive = join(tree, 'release.tar')
    must(run('git', ['archive', `--output=${archive}`, tag], root))
    must(run('tar', ['-xf', archive], tree))
    if (git('diff', '--quiet', tag, '--', 'package-lock.json').status === 0) sharePackages(tree)
    must(run(process.execPath, ['scripts/setup.mjs', '--no-build'], tree))
    // Tests of the schema itself (test/db) say how it is in their version, not what works on a newer one
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', 'db', '--exclude', 'test/db/**']
    return run(process.execPath, [...vitest, ...process.argv.slice(2)], tree, {
      PARLEY_TEST_MIGRATIONS: join(root, migrations),
    })
  } finally {
    rmSync(tree, { recursive: true, force: true })
  }
}

/** The same lock file means the same packages; what is kept beside them belongs to this folder. */
function sharePackages(tree) {
  const own = join('node_modules', '.cache')
  cpSync('node_modules', join(tree, 'node_modules'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !source.startsWith(own),
  })
}

function git(...args) {
  return spawnSync('git', args, { encoding: 'utf8' })
}

/** Shows what the program writes, and answers its exit code. */
function run(program, args, cwd, env = {}) {
  return spawnSync(program, args, { cwd, env: { ...process.env, ...env }, stdio: 'inherit' }).status ?? 1
}

function must(exitCode) {
  if (exitCode !== 0) throw new Error('The previous release could not be set up.')
}

function say(text) {
  console.log(text)
}
