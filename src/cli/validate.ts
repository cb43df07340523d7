import type { ServerOptions } from '../server/index.ts'
import { FORMAT, HELP, SERVE_FLAGS } from './flag-table.ts'
import { describeFlags } from './help.ts'
import { EXIT_FAILURE, EXIT_OK, type Output, usageError } from './output.ts'
import { parseFlags } from './parse-flags.ts'
import { serverOptions } from './server-options.ts'

const FLAGS = [SERVE_FLAGS.find(flag => flag.name === 'allow-unknown-static-fields')!, FORMAT, HELP]

/** `outrider validate FILE...`: each file is a bootstrap of its own. */
export async function validate(argv: readonly string[], output: Output): Promise<number> {
  const flags = parseFlags(argv, FLAGS)
  if (flags.values.has('help')) {
    output.out(`Usage: outrider validate [flags] FILE...\n\n${describeFlags(FLAGS)}`)
    return EXIT_OK
  }
  const problems = [...flags.problems, ...(flags.positional.length === 0 ? ['name at least one file'] : [])]
  if (problems.length > 0) return usageError(output, 'validate', problems)
  const options = serverOptions(flags)
  let worst = EXIT_OK
  for (const file of flags.positional) {
    worst = Math.max(worst, await validateOptions({ ...options, configPaths: [file] }, output))
  }
  return worst
}

/** Checks one bootstrap as the server would, without starting anything. */
export async function validateOptions(options: ServerOptions, output: Output): Promise<number> {
  const { checkConfiguration } = await import('../server/index.ts')
  const { valid, report } = checkConfiguration(options)
  const json = options.findingsFormat === 'json'
  // A JSON report is the result of the command; text goes where a compiler's does.
  if (json) output.out(report)
  else if (report !== '') output.err(report)
  if (valid && !json) output.out(`${options.configPaths.join(', ') || '--config-yaml'}: OK\n`)
  return valid ? EXIT_OK : EXIT_FAILURE
}
