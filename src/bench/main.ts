import { runBench } from './bench.js'
import { serveBare, serveTrivial } from './limits.js'
import { serveLoad } from './load.js'
import { readOptions, usage } from './options.js'

const [flag, part, port = '', secret = ''] = process.argv.slice(2)

/** A part ends with the process that started it. */
async function servePart(): Promise<void> {
  process.on('disconnect', () => process.exit())
  if (part === 'load') return serveLoad()
  if (part === 'bare') await serveBare(Number(port), secret)
  else serveTrivial(Number(port))
  process.send?.('ready')
}

try {
  if (flag === '--part') await servePart()
  else if (flag === '--help') process.stdout.write(usage)
  else process.exitCode = await runBench(readOptions(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
