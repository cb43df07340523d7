// The house rules for imports: which room may use which, through the other room's door only, and never in a circle.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const FLOORS = ['base', 'observability', 'config', 'net', 'http']
const WORKERS = ['downstream', 'http-connection-manager', 'router', 'upstream']
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  base: [],
  observability: ['base'],
  config: ['base', 'observability'],
  net: ['base', 'observability', 'config'],
  http: ['base', 'observability', 'config', 'net'],
  downstream: ['base', 'observability', 'config', 'net'],
  'http-connection-manager': FLOORS,
  upstream: FLOORS,
  router: [...FLOORS, 'upstream'],
  extensions: [...FLOORS, 'upstream'],
  xds: ['base', 'observability', 'config', ...WORKERS],
  admin: FLOORS,
  server: [...FLOORS, ...WORKERS, 'extensions', 'xds', 'admin'],
  cli: [...FLOORS, 'server', 'services'],
  main: ['load-program', 'cli'],
  worker: ['load-program', 'server'],
  'load-program': ['base'],
  services: FLOORS,
  client: FLOORS,
  testing: FLOORS,
}
const IMPORT = /^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gm

/** Taken without the door, which loads the whole room: a thread starts with them, and loads what it needs. */
const STARTS = new Set([
  'src/base/installation.ts',
  'src/load-program.ts',
  'src/server/start-workers.ts',
  'src/server/worker-runtime.ts',
])

interface Import {
  readonly from: string
  readonly to: string
  readonly typeOnly: boolean
}

/** 'src/net/a.ts' -> 'net'; an extension's or a service's own folder is its room: 'extensions/network-filters/echo'. */
function roomOf(file: string): string {
  const parts = file.replace(/^src\//, '').split('/')
  if (parts.length === 1) return parts[0]!.replace(/\.ts$/, '')
  return parts.slice(0, parts[0] === 'extensions' ? 3 : parts[0] === 'services' ? 2 : 1).join('/')
}

function importsOf(root: string, file: string): readonly Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(IMPORT)].flatMap(([, typeOnly, from, bare, dynamic]) => {
    const target = from ?? bare ?? dynamic!
    if (!target.startsWith('.')) return []
    // A dynamic import runs after its importer, so it closes no circle of evaluation.
    return [
      {
        from: file,
        to: normalize(join(dirname(file), target)),
        typeOnly: typeOnly !== undefined || dynamic !== undefined,
      },
    ]
  })
}

function judge(root: string, { from, to }: Import): string | undefined {
  if (!existsSync(join(root, to))) return `${from}: ${to} does not exist`
  // Contract suites and harnesses of other rooms (testing.ts) are for tests.
  const inTest = /\.test\.ts$|\/test[^/]*\.ts$/.test(from)
  const [here, there] = [roomOf(from), roomOf(to)]
  if (here === there || inTest) return undefined
  const [floor, target] = [here.split('/')[0]!, there.split('/')[0]!]
  if (!(ALLOWED[floor] ?? []).includes(target)) return `${from}: ${floor} may not import ${target} (${to})`
  return to.endsWith('/index.ts') || STARTS.has(to)
    ? undefined
    : `${from}: ${target} is entered by its index.ts, not by ${to}`
}

/** The first circle of value imports that `file` is part of, as a path. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] | undefined {
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (file: string): readonly string[] | undefined => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file]
    if (done.has(file)) return undefined
    trail.push(file)
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next)
      if (cycle !== undefined) return cycle
    }
    trail.pop()
    done.add(file)
    return undefined
  }
  for (const file of graph.keys()) {
    const cycle = visit(file)
    if (cycle !== undefined) return cycle
  }
  return undefined
}

/** One line per broken rule of the source tree under `root`; empty when all is well. */
export function checkImports(root: string): readonly string[] {
  const all = globSync('src/**/*.ts', { cwd: root })
    .filter(file => !file.endsWith('.d.ts'))
    .flatMap(file => importsOf(root, file))
  const graph = new Map<string, string[]>()
  for (const { from, to, typeOnly } of all) if (!typeOnly) graph.set(from, [...(graph.get(from) ?? []), to])
  const cycle = findCycle(graph)
  const findings = all.flatMap(one => judge(root, one) ?? [])
  return cycle === undefined ? findings : [...findings, `import circle: ${cycle.join(' -> ')}`]
}
