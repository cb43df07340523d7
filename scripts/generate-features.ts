// Prints README.md with its table of features, which is made from the declarations that docs/compat.md is made from.
//   node scripts/run.mjs scripts/generate-features.ts --write
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { declaredMessages, REFUSED_EXTENSIONS } from '../src/config/index.ts'
import { importDeclarations } from './generate-compat.ts'

const README = join(dirname(dirname(fileURLToPath(import.meta.url))), 'README.md')
const BEGIN = '<!-- Made by scripts/generate-features.ts: edit the declarations instead. -->'
const END = '<!-- End of what is made. -->'

/** What the extensions of these packages are called together. */
const AREAS: readonly (readonly [string, ...string[]])[] = [
  ['Listener filters', 'envoy.extensions.filters.listener'],
  ['UDP filters', 'envoy.extensions.filters.udp'],
  ['Network filters', 'envoy.extensions.filters.network'],
  ['HTTP filters', 'envoy.extensions.filters.http'],
  ['Connection manager', 'envoy.extensions.request_id', 'envoy.extensions.http'],
  ['Routing', 'envoy.extensions.path', 'envoy.extensions.router', 'envoy.extensions.internal_redirect'],
  ['Matching', 'envoy.extensions.matching'],
  ['Clusters', 'envoy.extensions.clusters', 'envoy.extensions.network.dns_resolver'],
  ['Load balancing', 'envoy.extensions.load_balancing_policies'],
  ['Retries', 'envoy.extensions.retry'],
  ['Health checks', 'envoy.extensions.health_checkers', 'envoy.extensions.health_check'],
  ['Transport sockets', 'envoy.extensions.transport_sockets'],
  ['Compression', 'envoy.extensions.compression'],
  ['Access logs', 'envoy.extensions.access_loggers'],
  ['Tracers', 'envoy.config.trace', 'envoy.extensions.tracers'],
  ['Overload', 'envoy.extensions.resource_monitors'],
]

/** Not extensions by themselves, but what several of them or all of them consist of. */
const PARTS = new Set(['common', 'Tracing', 'Tracing.Http', 'ClientConfig'])

/** What a type is called in its area: `gzip.compressor` of envoy.extensions.compression; null: it is not in these packages. */
function nameIn(packages: readonly string[], typeName: string): string | null {
  const room = packages.find(name => typeName.startsWith(`${name}.`))
  if (room === undefined) return null
  const [parts, message = ''] = typeName.slice(room.length + 1).split(/\.?v\d+(?:alpha|beta)?\d*\./)
  const name = parts === '' ? message : (parts as string)
  return PARTS.has(name) ? null : name
}

function row([area, ...packages]: readonly [string, ...string[]]): string {
  const partial = new Map<string, boolean>()
  for (const { typeName, refused, values } of declaredMessages()) {
    const name = nameIn(packages, typeName)
    if (name === null) continue
    const refuses = Object.keys(refused).length + Object.keys(values).length > 0
    partial.set(name, refuses || partial.get(name) === true)
  }
  const refused = Object.keys(REFUSED_EXTENSIONS)
    .map(typeName => nameIn(packages, typeName))
    .filter(name => name !== null && !partial.has(name))
  const runs = [...partial].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, some]) => (some ? `${name}*` : name))
  return `| ${area} | ${runs.join(', ')} | ${[...new Set(refused)].sort().join(', ')} |`
}

/** The page as it should be, given the page as it is. */
export async function featuresPage(current: string): Promise<string> {
  await importDeclarations()
  const [before, rest = ''] = current.split(BEGIN)
  const after = rest.split(END)[1] ?? ''
  const table = ['| area | runs | refused |', '|---|---|---|', ...AREAS.map(row)].join('\n')
  return `${before}${BEGIN}\n\n${table}\n\n${END}${after}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const page = await featuresPage(readFileSync(README, 'utf8'))
  if (process.argv.includes('--write')) writeFileSync(README, page)
  else process.stdout.write(page)
}
