// Asks the registry for known vulnerabilities of what production installs (`npm run -s audit`). Ends with 1 where there is
// one that docs/security.md does not explain by its address, and with 0 where the registry does not answer such questions:
// nothing was checked then, and it says so.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'

const explanations = readFileSync(process.argv[2] ?? 'docs/security.md', 'utf8')
const patience = 60_000

const report = await new Promise((resolve) => {
  const limits = { timeout: patience, maxBuffer: 64 * 1024 * 1024 }
  execFile('npm', ['audit', '--omit=dev', '--json'], limits, (_error, stdout) => {
    try {
      resolve(JSON.parse(stdout))
    } catch {
      resolve({ message: 'no answer that can be read' })
    }
  })
})

if (!report.metadata) {
  console.log(`The registry does not answer an audit, so nothing was checked: ${report.message}`)
  process.exit(0)
}
const findings = Object.values(report.vulnerabilities).flatMap(({ via }) =>
  via.filter((cause) => typeof cause === 'object'),
)
const unexplained = findings.filter(({ url }) => !explanations.includes(url))
for (const { name, severity, title, url } of unexplained) console.log(`${severity}: ${name}: ${title} ${url}`)
const packages = report.metadata.dependencies.prod
console.log(
  `${packages} packages in production, ${findings.length} findings, ${unexplained.length} without an explanation in docs/security.md.`,
)
process.exit(unexplained.length > 0 ? 1 : 0)
