import { packageVersion } from '../base/index.ts'
import { startWorkers } from '../server/start-workers.ts'
import { SERVE_FLAGS } from './flag-table.ts'
import { EXIT_OK, type Output, usageError } from './output.ts'
import { type ParsedFlags, parseFlags } from './parse-flags.ts'
import { serverOptions } from './server-options.ts'

/** `outrider -c FILE [Envoy's flags]`: runs until told to stop. */
export async function serve(argv: readonly string[], output: Output, onLive: () => void): Promise<number> {
  const flags = parseFlags(argv, SERVE_FLAGS)
  const informed = await inform(flags, argv, output)
  if (informed !== null) return informed
  const problems = [...flags.problems, ...flags.positional.map(word => `unexpected word '${word}'`)]
  if (problems.length === 0 && !flags.values.has('config-path') && !flags.values.has('config-yaml')) {
    problems.push('a configuration is needed: -c FILE or --config-yaml TEXT')
  }
  if (problems.length > 0) return usageError(output, '', problems)
  const mode = flags.values.get('mode') ?? 'serve'
  if (mode === 'validate') {
    const { validateOptions } = await import('./validate.ts')
    return validateOptions(serverOptions(flags), output)
  }
  const options = serverOptions(flags)
  const workers = startWorkers(options.concurrency)
  const { runServer } = await import('../server/index.ts')
  return runServer(options, { workers, exitWhenReady: mode === 'init_only', onLive })
}

async function inform(flags: ParsedFlags, argv: readonly string[], output: Output): Promise<number | null> {
  if (flags.values.has('help')) return (await import('./help.ts')).help(argv, output)
  if (flags.values.has('version')) {
    output.out(`outrider ${packageVersion()}\n`)
    return EXIT_OK
  }
  if (!flags.values.has('hot-restart-version')) return null
  output.out('disabled\n')
  return EXIT_OK
}
