import { type Flag, HELP } from './flag-table.ts'
import { describeFlags } from './help.ts'
import { EXIT_FAILURE, EXIT_OK, type Output, usageError } from './output.ts'
import { parseFlags } from './parse-flags.ts'

const DEFAULT_ADMIN = '127.0.0.1:9901'

const FLAGS: readonly Flag[] = [
  { name: 'admin', kind: 'text', help: `host:port of the proxy's admin interface (default ${DEFAULT_ADMIN}).` },
  { name: 'format', kind: 'text', choices: ['text', 'json'], help: 'How it is printed: text (default) or json.' },
  HELP,
]

/** `outrider explain cluster NAME`: asks a running proxy why each host of a cluster is picked or not. */
export async function explain(argv: readonly string[], output: Output): Promise<number> {
  const flags = parseFlags(argv, FLAGS)
  if (flags.values.has('help')) {
    output.out(`Usage: outrider explain [flags] cluster NAME\n\n${describeFlags(FLAGS)}`)
    return EXIT_OK
  }
  const [what, name, ...more] = flags.positional
  const named = what === 'cluster' && name !== undefined && more.length === 0
  const problems = [...flags.problems, ...(named ? [] : ["say 'cluster' and its name"])]
  if (problems.length > 0) return usageError(output, 'explain', problems)
  const address = flags.values.get('admin') ?? DEFAULT_ADMIN
  const query = new URLSearchParams({ name: name as string, format: flags.values.get('format') ?? 'text' })
  try {
    const response = await fetch(`http://${address}/explain/cluster?${query}`)
    const body = await response.text()
    if (response.ok) output.out(body)
    else output.err(body.endsWith('\n') ? body : `${body}\n`)
    return response.ok ? EXIT_OK : EXIT_FAILURE
  } catch (error) {
    const { cause = error } = error as { cause?: unknown }
    output.err(`outrider explain: no answer from ${address}: ${(cause as Error).message}\n`)
    return EXIT_FAILURE
  }
}
