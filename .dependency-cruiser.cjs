// Who may import whom. A slice imports slices that stand before it in this list; upward it speaks by event only.
const slices = [
  'identity',
  'contacts',
  'channels',
  'hours',
  'skills',
  'workstreams',
  'notification-templates',
  'agents',
  'capacity-profiles',
  'conversations',
  'routing',
  'messages',
  'automatic-messages',
  'supervision',
  'bulk-actions',
  'timeouts',
]

// What each kernel folder may import besides itself, packages and Node.js.
const kernel = {
  lib: [],
  db: ['lib'],
  providers: ['lib'],
  jobs: ['lib', 'db'],
  http: ['lib', 'db'],
  events: ['lib', 'db', 'jobs', 'http'],
}

// The cross-organization door, and who may use it. Every name here is a place where row-level security does not help.
const systemDoor = '^src/db/system\\.ts$'
const systemDoorUsers = [
  '^src/db/',
  '^src/events/(relay|feed)\\.ts$',
  '^src/jobs/(sweep|retention)\\.ts$',
  '^src/channels/(callback-[^/]+|inbox-stats|backfill-repository|sealed-secret-repository)\\.ts$',
  '^src/identity/access\\.ts$',
  // A metric of the whole installation
  '^src/routing/empty-queues\\.ts$',
  '^src/container\\.ts$',
  '^src/identity/(repository|suspensions)\\.ts$',
]

const anySlice = `^src/(${slices.join('|')})/`
const pure =
  '/(lifecycle|match-rules|choose-agent|choose-queue|classify|rule-out|delivery-status|condition|number-pace|call-places|schedule|triggers|texts|due-rules|offer-terms)\\.ts$'
const composition = '^src/(main|container|api)\\.ts$'
const assembly = '^src/((main|container|demonstration)[^/]*\\.ts$|(demonstration|bench)/)'
// The provider's own contract and their list are open to the slices that speak to providers.
const providerSpeakers = ['channels', 'messages', 'automatic-messages']

const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to })

const kernelRules = Object.entries(kernel).map(([folder, allowed]) =>
  rule(
    `${folder}-is-kernel`,
    `${folder} may import ${['itself', ...allowed].join(', ')} and packages`,
    { path: `^src/${folder}/` },
    {
      path: '^src/',
      pathNot: `^src/(${[folder, ...allowed].join('|')})/`,
      dependencyTypesNot: ['type-only'],
    },
  ),
)

const sliceRules = slices.flatMap((slice, index) => {
  const above = slices.slice(index + 1)
  const others = slices.filter((other) => other !== slice)
  return [
    ...(above.length === 0
      ? []
      : [
          rule(
            `${slice}-imports-downward`,
            `${slice} stands below ${above.join(', ')}: emit an event instead`,
            { path: `^src/${slice}/` },
            { path: `^src/(${above.join('|')})/` },
          ),
        ]),
    rule(
      `${slice}-uses-front-doors`,
      "another slice's routes are its own; its services and what joins a transaction are open",
      { path: `^src/${slice}/` },
      {
        path: `^src/(${others.join('|')})/[^/]*routes\\.ts$`,
      },
    ),
    ...(providerSpeakers.includes(slice)
      ? []
      : [
          rule(
            `${slice}-knows-no-provider`,
            `only ${providerSpeakers.join(' and ')} speak to providers`,
            { path: `^src/${slice}/` },
            {
              path: '^src/providers/',
              pathNot: '^src/providers/last-gate\\.ts$',
              dependencyTypesNot: ['type-only'],
            },
          ),
        ]),
  ]
})

const roleRules = [
  rule(
    'provider-apart-from-provider',
    'a provider folder never imports another',
    { path: '^src/providers/([^/]+)/' },
    { path: '^src/providers/[^/]+/', pathNot: '^src/providers/$1/' },
  ),
  rule(
    'provider-packages',
    "providers use zod and the providers' SDKs only",
    { path: '^src/providers/' },
    { path: 'node_modules/', pathNot: 'node_modules/(zod|twilio|telesignsdk|libphonenumber-js|@types)/' },
  ),
  rule(
    'provider-folders-behind-the-registry',
    "slices know the contract and the registry, never one provider's folder",
    { path: anySlice },
    { path: '^src/providers/[^/]+/' },
  ),
  rule(
    'pure-is-pure',
    'a file of rules does no I/O, so that it can be tested and replayed',
    { path: `^src/.*${pure}` },
    {
      path: '^src/(db|http|jobs|events|providers)/|/[^/]*(repository|service|routes)\\.ts$|\\.job\\.ts$',
      dependencyTypesNot: ['type-only'],
    },
  ),
  rule(
    'pure-has-no-packages-with-io',
    'a file of rules does no I/O',
    { path: `^src/.*${pure}` },
    {
      dependencyTypes: ['core', 'npm'],
      pathNot: 'node_modules/(zod|libphonenumber-js|temporal-polyfill)/',
      dependencyTypesNot: ['type-only'],
    },
  ),
  rule(
    'repository-knows-the-database',
    'a repository is queries: lib, db and types of its slice',
    { path: `${anySlice}[^/]*repository\\.ts$` },
    {
      path: '^src/(http|jobs|events|providers)/|/[^/]*(service|routes|schemas)\\.ts$|\\.job\\.ts$',
    },
  ),
  rule(
    'service-knows-no-http',
    'a service serves HTTP, jobs and tests alike',
    { path: `${anySlice}[^/]*service\\.ts$` },
    {
      path: '^src/http/|/[^/]*(schemas|routes)\\.ts$|node_modules/(fastify|@fastify)/',
      // A service may take its types from the schema that checks them: one definition
      dependencyTypesNot: ['type-only'],
    },
  ),
  rule(
    'schemas-for-routes',
    "schemas are what the public sees; only routes, other schemas and the events' stream use them",
    {
      path: '^src/',
      pathNot: `/[^/]*(schemas|routes)\\.ts$|^src/(http|events|simulator)/|${composition}`,
    },
    { path: '/[^/]*schemas\\.ts$', dependencyTypesNot: ['type-only'] },
  ),
  rule(
    'system-door',
    'work across organizations has one narrow door; name a new user in .dependency-cruiser.cjs, with its reason',
    { path: '^src/', pathNot: systemDoorUsers.join('|') },
    { path: systemDoor },
  ),
  rule(
    'queries-in-repositories',
    'services, routes and schemas write no SQL: the database client belongs to db and the repositories',
    { path: `${anySlice}.*(service|routes|schemas)\\.ts$` },
    { path: '^src/db/generated/', pathNot: 'enums\\.ts$', dependencyTypesNot: ['type-only'] },
  ),
]

const assemblyRules = [
  rule('nothing-imports-main', 'main is an end', {}, { path: '^src/main\\.ts$' }),
  rule(
    'composition-is-on-top',
    'container, api and worker put the parts together; no part knows them',
    { path: '^src/', pathNot: `${composition}|${assembly}` },
    { path: composition },
  ),
  rule(
    'simulator-and-embedded-at-the-edge',
    'the demonstration parts never become part of the product',
    { path: '^src/', pathNot: `${assembly}|^src/(simulator|embedded)/` },
    { path: '^src/(simulator|embedded)/' },
  ),
  rule(
    'simulator-stands-alone',
    'the simulator plays the provider over HTTP: it shares no code with what it tests',
    { path: '^src/simulator/' },
    { path: '^src/', pathNot: '^src/(simulator|lib)/' },
  ),
  rule(
    'no-cycles',
    'files that need each other are one file',
    {},
    {
      circular: true,
      viaOnly: { dependencyTypesNot: ['type-only'] },
    },
  ),
  rule(
    'no-orphans',
    'a file that nothing imports',
    { orphan: true, pathNot: '^src/(main\\.ts|bench/|db/generated/)|\\.d\\.ts$' },
    {},
  ),
  rule(
    'no-development-packages',
    'a package that only development installs is missing in production',
    { path: '^src/' },
    { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'], pathNot: 'node_modules/@types/' },
  ),
]

module.exports = {
  forbidden: [...kernelRules, ...sliceRules, ...roleRules, ...assemblyRules],
  options: {
    doNotFollow: { path: 'node_modules|^src/db/generated/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
}
