import { type Flag, HELP } from './flag-table.ts'
import { describeFlags } from './help.ts'
import type { Output } from './output.ts'
import { EXIT_FAILURE, EXIT_OK, usageError } from './output.ts'
import { type ParsedFlags, parseFlags } from './parse-flags.ts'
import { serverOptions } from './server-options.ts'

const DEFAULT_ADMIN = '127.0.0.1:9901'
const HEADER = /^([^:]+|:[^:]+):\s*(.*)$/

const FLAGS: readonly Flag[] = [
  { name: 'admin', kind: 'text', help: `host:port of the proxy's admin interface (default ${DEFAULT_ADMIN}).` },
  { name: 'header', short: 'H', kind: 'text', many: true, help: 'A header of the request, name:value.' },
  { name: 'listener', kind: 'text', help: "Who gets the request; default: those on the URL's port, or all." },
  { name: 'client', kind: 'text', help: "The client's IP address; default 127.0.0.1." },
  { name: 'random', kind: 'number', help: 'The 32-bit number that weights and fractions draw from; default 0.' },
  { name: 'format', kind: 'text', choices: ['text', 'json'], help: 'How it is printed: text (default) or json.' },
  HELP,
]

const USAGE = `Usage: outrider explain [flags] cluster NAME
       outrider explain [flags] route FILE METHOD URL
       outrider explain [flags] route METHOD URL       (asks a running proxy)

${describeFlags(FLAGS)}`

/** `outrider explain cluster NAME`, `outrider explain route [FILE] METHOD URL`: why things go where they go. */
export async function explain(argv: readonly string[], output: Output): Promise<number> {
  const flags = parseFlags(argv, FLAGS)
  if (flags.values.has('help')) {
    output.out(USAGE)
    return EXIT_OK
  }
  const [what, ...words] = flags.positional
  const problems = [...flags.problems, ...wordProblems(what, words), ...headerProblems(flags)]
  if (problems.length > 0) return usageError(output, 'explain', problems)
  if (what === 'cluster') return ask('cluster', { name: words[0] as string, format: formatOf(flags) }, flags, output)
  return words.length === 3 ? explainFile(words, flags, output) : ask('route', routeQuery(words, flags), flags, output)
}

function wordProblems(what: string | undefined, words: readonly string[]): readonly string[] {
  if (what === 'cluster') return words.length === 1 ? [] : ["say 'cluster' and its name"]
  if (what === 'route') return words.length === 2 || words.length === 3 ? [] : ["say 'route', [FILE], METHOD and URL"]
  return ["say 'cluster' and its name, or 'route', [FILE], METHOD and URL"]
}

const headersOf = ({ lists }: ParsedFlags): readonly string[] => lists.get('header') ?? []

const headerProblems = (flags: ParsedFlags): readonly string[] =>
  headersOf(flags).flatMap(line => (HEADER.test(line) ? [] : [`a header is 'name:value', not '${line}'`]))

const formatOf = ({ values }: ParsedFlags): string => values.get('format') ?? 'text'

function routeQuery([method = '', url = '']: readonly string[], flags: ParsedFlags): Readonly<Record<string, string>> {
  const { values } = flags
  return {
    method,
    url,
    headers: headersOf(flags).join('\n'),
    listener: values.get('listener') ?? '',
    client: values.get('client') ?? '127.0.0.1',
    random: values.get('random') ?? '0',
    format: formatOf(flags),
  }
}

async function explainFile(words: readonly string[], flags: ParsedFlags, output: Output): Promise<number> {
  const [file = '', method = '', url = ''] = words
  const { values } = flags
  const { explainRouteOfFile } = await import('../server/index.ts')
  const headers = headersOf(flags).map(line => {
    const [, name = '', value = ''] = HEADER.exec(line) as RegExpExecArray
    return [name, value] as const
  })
  const question = {
    method,
    url,
    headers,
    listener: values.get('listener') ?? '',
    client: values.get('client') ?? '127.0.0.1',
    random: Number(values.get('random') ?? 0),
  }
  const options = { ...serverOptions(flags), configPaths: [file], findingsFormat: 'text' as const }
  const { report, text, problem } = explainRouteOfFile(options, question, formatOf(flags) === 'json')
  if (report !== '') output.err(report)
  if (problem !== '') output.err(`outrider explain: ${problem}\n`)
  output.out(text)
  return text === '' ? EXIT_FAILURE : EXIT_OK
}

async function ask(
  what: string,
  query: Readonly<Record<string, string>>,
  { values }: ParsedFlags,
  output: Output,
): Promise<number> {
  const address = values.get('admin') ?? DEFAULT_ADMIN
  try {
    const response = await fetch(`http://${address}/explain/${what}?${new URLSearchParams(query)}`)
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
