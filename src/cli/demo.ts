import { HopReader } from './demo/hops.ts'
import { EDGE, Mesh } from './demo/mesh.ts'
import { Screen } from './demo/screen.ts'
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
  const stopShowing = show(output, offset)
  const problem = await Promise.race([stop, mesh.failed])
  stopShowing()
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

function show(output: Output, offset: number): () => void {
  const live = process.stdout.isTTY === true
  const screen = new Screen(output, live)
  const readers = HOPS.map(hop => new HopReader({ ...hop, adminPort: hop.adminPort + offset }))
  const startedMs = performance.now()
  const refresh = (isFirst: boolean) => {
    const nowMs = performance.now()
    Promise.all(readers.map(reader => reader.read(nowMs))).then(
      // The first reading is what rates count from.
      hops => isFirst || screen.draw(hops, (nowMs - startedMs) / 1000),
      // A proxy that is gone is reported by the mesh itself.
      () => clearInterval(timer),
    )
  }
  const timer = setInterval(() => refresh(false), live ? REFRESH_MS : REFRESH_PLAIN_MS)
  refresh(true)
  return () => clearInterval(timer)
}
