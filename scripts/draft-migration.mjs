// Prints the SQL that leads from an older prisma/schema.prisma (a file or a git revision; default: nothing) to the
// present one. It needs no database and no download: Prisma's schema engine as WebAssembly compares the two models.
//   npm run migration:draft -- HEAD
// Foreign keys, policies, checks and partial indexes are added by hand: docs/decisions/0003-migrations.md.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg'

const path = 'prisma/schema.prisma'
const older = process.argv[2]

function read(from) {
  return existsSync(from)
    ? readFileSync(from, 'utf8')
    : execFileSync('git', ['show', `${from}:${path}`], { encoding: 'utf8' })
}

// Node 20 loads no .wasm by import: instantiate it by hand
const bindings = import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg')
const binary = readFileSync(join(dirname(fileURLToPath(bindings)), 'schema_engine_bg.wasm'))
const { instance } = await WebAssembly.instantiate(binary, { './schema_engine_bg.js': engineModule })
engineModule.__wbg_set_wasm(instance.exports)
instance.exports.__wbindgen_start()

const model = (content) => ({ tag: 'schemaDatamodel', files: [{ path, content }] })
// The engine wants a connection although comparing two models asks it nothing but the server's version
const connection = {
  provider: 'postgres',
  adapterName: 'none',
  executeRaw: async () => 0,
  executeScript: async () => {},
  queryRaw: async () => ({
    columnNames: ['exists', 'version', 'numeric_version'],
    columnTypes: [5, 7, 0],
    rows: [[true, 'PostgreSQL 18', 180000]],
  }),
  dispose: async () => {},
  getConnectionInfo: () => ({ supportsRelationJoins: true, schemaName: 'public' }),
}
const adapter = bindMigrationAwareSqlAdapterFactory({
  provider: 'postgres',
  adapterName: 'none',
  connect: async () => connection,
  connectToShadowDb: async () => connection,
})
const engine = await engineModule.SchemaEngine.new({ datamodels: [[path, read(path)]] }, () => {}, adapter)
const result = await engine.diff({
  from: older ? model(read(older)) : { tag: 'empty' },
  to: model(read(path)),
  script: true,
  shadowDatabaseUrl: null,
  exitCode: null,
  filters: { externalTables: [], externalEnums: [] },
})
process.stdout.write(result.stdout ?? '')
