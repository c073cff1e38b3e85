import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import ts from 'typescript'

const root = join(import.meta.dirname, '..', '..')

export type CompiledSources = {
  /** An import specifier for a source, named as below src: `embedded/keys`. */
  module: (name: string) => string
  remove: () => Promise<void>
}

/**
 * Node.js 20 runs no TypeScript, and a test must not depend on what `dist` happens to hold: the embedded parts
 * are translated (not checked) into a folder of their own, for processes that a test starts and kills.
 */
export async function compileEmbedded(): Promise<CompiledSources> {
  const folder = await mkdtemp(join(tmpdir(), 'parley-compiled-'))
  const embedded = await readdir(join(root, 'src', 'embedded'))
  for (const file of [...embedded.map((name) => join('embedded', name)), 'config.ts']) {
    const target = join(folder, 'src', file.replace(/\.ts$/, '.js'))
    const source = await readFile(join(root, 'src', file), 'utf8')
    const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 }
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, ts.transpileModule(source, { compilerOptions }).outputText)
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  return {
    module: (name) => JSON.stringify(pathToFileURL(join(folder, 'src', `${name}.js`)).href),
    remove: () => rm(folder, { recursive: true }),
  }
}

export type RunningScript = {
  pid: number
  /** The first line that it wrote. */
  firstLine: string
  kill: (signal: NodeJS.Signals) => Promise<void>
  /** Sends it to the process and to all of its group, as a terminal and most supervisors do. */
  signalGroup: (signal: NodeJS.Signals) => void
}

/** The script is the head of a group of its own, so it must see for itself that the test run is gone. */
const endWithTest = "process.stdin.resume().on('end', () => process.exit(1));"

/** Runs a script (an ES module) in a Node.js of its own, until it has written one line. */
export async function runScript(script: string): Promise<RunningScript> {
  const child: ChildProcess = spawn(
    process.execPath,
    ['--input-type=module', '--eval', endWithTest + script],
    {
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const exit = once(child, 'exit')
  const { pid, stdout } = child
  if (stdout === null || pid === undefined) throw new Error('The script did not start.')
  const lines = createInterface({ input: stdout })
  const firstLine = await Promise.race([
    once(lines, 'line').then(([line]) => String(line)),
    exit.then(() => null),
  ])
  if (firstLine === null) throw new Error('The script ended before it wrote a line.')
  return {
    pid,
    firstLine,
    kill: async (signal) => {
      child.kill(signal)
      await exit
    },
    signalGroup: (signal) => process.kill(-pid, signal),
  }
}
