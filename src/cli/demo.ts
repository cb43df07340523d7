import { type HopFigures, HopReader } from './demo/hops.ts'
import { readHosts } from './demo/hosts.ts'
import { KEYS, Keys, NO_TERMINAL } from './demo/keys.ts'
import { EDGE, Mesh } from './demo/mesh.ts'
import { Screen } from './demo/screen.ts'
import type { ServiceProcess } from './demo/service-process.ts'
import { Traffic } from './demo/traffic.ts'
import { type Flag, HELP } from './flag-table.ts'
import { describeFlags } from './help.ts'
import { EXIT_FAILURE, EXIT_OK, type Output, usageError } from './output.ts'
import { parseFlags } from './parse-flags.ts'

const FLAGS: readonly Flag[] = [
  { name: 'rps', kind: 'number', help: 'Requests per second to the edge; default 20.' },
  { name: 'seconds', kind: 'number', help: 'End by itself after this time; default: runs until Ctrl-C.' },
  { name: 'port-offset', kind: 'number', help: 'Added to every port of the demo; default 0.' },
  HELP,
]
const DEFAULT_RPS = 20
const REFRESH_MS = 1000
const REFRESH_PLAIN_MS = 5000

/** The service whose hosts faults are played with. */
const FAULTY = 'catalog'
const CATALOG_ADMIN_PORT = 9912

const HOPS = [
  { label: 'client -> edge -> frontend', adminPort: EDGE.adminPort, cluster: 'frontend' },
  { label: 'frontend -> catalog', adminPort: 9911, cluster: 'catalog' },
  { label: 'frontend -> reviews', adminPort: 9911, cluster: 'reviews' },
  { label: 'catalog -> reviews', adminPort: 9912, cluster: 'reviews' },
] as const

function introduction(offset: number): string {
  const at = (port: number) => `http://localhost:${port + offset}`
  return `Three services, a sidecar each, and an edge in front:

    client -> edge -> [frontend] -> [catalog] -> [reviews]
                           \\----------------------^

  Between the proxies: HTTP/2 by mutual TLS, with certificates made just now. The services speak plain HTTP to
  localhost; reviews speaks gRPC.

  ${at(EDGE.port)}/            the items, through three proxies
  ${at(EDGE.port)}/item/tea    one item, put together by all services
  ${at(EDGE.adminPort)}             admin interface of the edge (9911, 9912, 9913: of the sidecars)

The bootstraps are examples/mesh/*.yaml. Ctrl-C ends it.

The catalog runs in three processes behind its sidecar. Make one of them slow, failing or dead, watch it leave and, once it
is healthy again, return:

  ${KEYS}
${process.stdin.isTTY ? '' : `  ${NO_TERMINAL}\n`}
`
}

/** `outrider demo`: a small mesh with traffic and a live summary; 0 when everything ended cleanly. */
export async function demo(argv: readonly string[], output: Output): Promise<number> {
  const flags = parseFlags(argv, FLAGS)
  if (flags.values.has('help')) {
    output.out(`Usage: outrider demo [flags]\n\n${describeFlags(FLAGS)}`)
    return EXIT_OK
  }
  const problems = [...flags.problems, ...flags.positional.map(word => `unexpected word '${word}'`)]
  if (problems.length > 0) return usageError(output, 'demo', problems)
  const offset = Number(flags.values.get('port-offset') ?? 0)
  const mesh = new Mesh(offset)
  const stop = untilStopped(Number(flags.values.get('seconds') ?? 0))
  try {
    await mesh.start()
  } catch (error) {
    output.err(`outrider demo: ${(error as Error).message}\n`)
    await mesh.stop()
    return EXIT_FAILURE
  }
  output.out(introduction(offset))
  const traffic = new Traffic(EDGE.port + offset, Number(flags.values.get('rps') ?? DEFAULT_RPS))
  const hosts = mesh.services.filter(({ name }) => name.startsWith(FAULTY))
  const keys = new Keys(hosts, process.stdin, () => showing.refresh())
  const showing = show(output, offset, keys, hosts)
  const problem = await Promise.race([stop, keys.quit, mesh.failed])
  showing.stop()
  keys.stop()
  await traffic.stop()
  const clean = await mesh.stop()
  output.out(`\n${traffic.sent} requests, ${traffic.failed} failed. All ended${clean ? '' : ', not all cleanly'}.\n`)
  if (problem !== null) output.err(`outrider demo: ${problem}\n`)
  return clean && problem === null ? EXIT_OK : EXIT_FAILURE
}

/** Resolves with null at Ctrl-C, SIGTERM or after `seconds` (0: never); a second Ctrl-C does not wait. */
function untilStopped(seconds: number): Promise<null> {
  return new Promise(resolve => {
    const stop = () => {
      resolve(null)
      for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(EXIT_FAILURE))
    }
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
    if (seconds > 0) setTimeout(() => resolve(null), seconds * 1000).unref()
  })
}

interface Showing {
  refresh(): void
  stop(): void
}

function show(output: Output, offset: number, keys: Keys, hosts: readonly ServiceProcess[]): Showing {
  const live = process.stdout.isTTY === true
  const screen = new Screen(output, live, KEYS)
  const readers = HOPS.map(hop => new HopReader({ ...hop, adminPort: hop.adminPort + offset }))
  const startedMs = performance.now()
  let hops: readonly HopFigures[] | null = null
  let hopsAtMs = startedMs
  const draw = async () => {
    const nowMs = performance.now()
    const withHops = hops === null || live || nowMs - hopsAtMs >= REFRESH_PLAIN_MS
    // The first reading is what rates count from.
    const isFirst = hops === null
    if (withHops) {
      hops = await Promise.all(readers.map(reader => reader.read(nowMs)))
      hopsAtMs = nowMs
    }
    const figures = await readHosts(CATALOG_ADMIN_PORT + offset, hosts)
    screen.draw(hops ?? [], figures, keys.chosen.name, (nowMs - startedMs) / 1000, withHops && !isFirst)
  }
  let drawing: Promise<void> = Promise.resolve()
  // One after the other; a proxy that is gone is reported by the mesh itself.
  const refresh = () => {
    drawing = drawing.then(draw).catch(() => clearInterval(timer))
  }
  const timer = setInterval(refresh, REFRESH_MS)
  refresh()
  return { refresh, stop: () => clearInterval(timer) }
}
