import { type Flag, SERVE_FLAGS } from './flag-table.ts'
import { describeFlags } from './help.ts'
import { EXIT_OK, type Output, usageError } from './output.ts'
import { parseFlags } from './parse-flags.ts'
import { serverOptions } from './server-options.ts'

const OWN: readonly Flag[] = [
  { name: 'from', kind: 'text', help: 'Address to listen on: :8080 (all interfaces) or 127.0.0.1:8080.' },
  { name: 'to', kind: 'text', help: 'Where to send requests: localhost:3000 or 3000.' },
  { name: 'admin', kind: 'text', help: 'Address of the admin interface; none by default.' },
]
const SHARED = ['concurrency', 'log-level', 'component-log-level', 'log-format', 'drain-time-s', 'drain-delay', 'help']
const FLAGS = [...OWN, ...SERVE_FLAGS.filter(flag => SHARED.includes(flag.name))]

/** `outrider reverse-proxy --from :8080 --to localhost:3000`: Host is kept, everything is proxied. */
export async function reverseProxy(argv: readonly string[], output: Output, onLive: () => void): Promise<number> {
  const flags = parseFlags(argv, FLAGS)
  if (flags.values.has('help')) {
    output.out(`Usage: outrider reverse-proxy --from :8080 --to localhost:3000 [flags]\n\n${describeFlags(FLAGS)}`)
    return EXIT_OK
  }
  const { endpoint, reverseProxyBootstrap } = await import('./reverse-proxy-bootstrap.ts')
  const [from, to] = [endpoint(flags.values.get('from'), '0.0.0.0'), endpoint(flags.values.get('to'), 'localhost')]
  const admin = flags.values.get('admin')
  const adminAt = admin === undefined ? null : endpoint(admin, '127.0.0.1')
  const problems = [...flags.problems]
  if (from === undefined) problems.push('--from needs an address such as :8080')
  if (to === undefined) problems.push('--to needs an address such as localhost:3000')
  if (adminAt === undefined) problems.push('--admin needs an address such as 127.0.0.1:9901')
  if (problems.length > 0) return usageError(output, 'reverse-proxy', problems)
  const { runServer } = await import('../server/index.ts')
  const configYaml = JSON.stringify(reverseProxyBootstrap(from!, to!, adminAt!))
  return runServer({ ...serverOptions(flags), configPaths: [], configYaml }, { onLive })
}
