import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const script = join('scripts', 'previous-release.mjs')
let project: string

/** A project in which set-up does nothing and the tests of a release say what they were run with. */
beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'parley-project-'))
  write('package-lock.json', '{}')
  write('scripts/setup.mjs', '')
  write('prisma/migrations/1_first/migration.sql', 'CREATE TABLE first (a integer);')
  write('.gitignore', 'node_modules')
  write(
    'node_modules/vitest/vitest.mjs',
    `import { existsSync } from 'node:fs'
     const added = process.env.PARLEY_TEST_MIGRATIONS + '/2_second'
     console.log('tests', process.argv.slice(2).join(' '), 'knows', existsSync('prisma/migrations/2_second'), 'gets', existsSync(added))
     process.exit(3)`,
  )
  cpSync(script, join(project, script))
  git('init', '--quiet')
  commit()
})

afterEach(() => rmSync(project, { recursive: true }))

function write(file: string, content: string): void {
  mkdirSync(dirname(join(project, file)), { recursive: true })
  writeFileSync(join(project, file), content)
}

function git(...args: string[]): void {
  const as = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false']
  const { status, stderr } = spawnSync('git', [...as, ...args], { cwd: project, encoding: 'utf8' })
  expect(status, stderr).toBe(0)
}

function commit(): void {
  git('add', '--all')
  git('commit', '--quiet', '--allow-empty', '--message', 'A step')
}

function check(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: project,
    encoding: 'utf8',
  })
  return { status, output: stdout + stderr }
}

describe('the check against the previous release', () => {
  it('says that nothing has been released and what makes a release', () => {
    const { status, output } = check()

    expect(output).toContain(
      'There is no previous release yet, so nothing to check. A tag makes one: git tag',
    )
    expect(status).toBe(0)
  })

  it('says how to fetch releases where the clone has no history', () => {
    commit()
    git('clone', '--quiet', '--depth=1', `file://${project}`, join(project, 'shallow'))
    project = join(project, 'shallow')

    const { status, output } = check()

    project = dirname(project)
    expect(output).toContain('git fetch --unshallow --tags')
    expect(status).toBe(0)
  })

  it('has nothing to do where no migration was added', () => {
    git('tag', 'v1.0.0')
    commit()

    const { status, output } = check()

    expect(output).toContain('The schema is that of v1.0.0')
    expect(status).toBe(0)
  })

  it('runs that release’s tests with the newer migrations, and fails where they fail', () => {
    git('tag', 'v1.0.0')
    write('prisma/migrations/2_second/migration.sql', 'ALTER TABLE first DROP COLUMN a;')
    commit()
    git('tag', 'v2.0.0')

    const { status, output } = check('test/one.db.test.ts')

    expect(output).toContain('The tests of v1.0.0 against the schema with 2_second')
    expect(output).toContain(
      'tests run --project db --exclude test/db/** test/one.db.test.ts knows false gets true',
    )
    expect(status).toBe(3)
  })
})
