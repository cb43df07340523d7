import { FORMAT, HELP } from './flag-table.ts'
import { describeFlags } from './help.ts'
import { EXIT_FAILURE, EXIT_OK, type Output, usageError } from './output.ts'
import { parseFlags } from './parse-flags.ts'
import { serverOptions } from './server-options.ts'

const FLAGS = [FORMAT, HELP]

/** `outrider compat FILE`: what of an Envoy configuration runs here, as a list; exit 1 when something does not. */
export async function compat(argv: readonly string[], output: Output): Promise<number> {
  const flags = parseFlags(argv, FLAGS)
  if (flags.values.has('help')) {
    output.out(`Usage: outrider compat [flags] FILE\n\n${describeFlags(FLAGS)}`)
    return EXIT_OK
  }
  const problems = [...flags.problems, ...(flags.positional.length === 1 ? [] : ['name one file'])]
  if (problems.length > 0) return usageError(output, 'compat', problems)
  const { describeCompatibility } = await import('../server/index.ts')
  const { compatible, report } = describeCompatibility({ ...serverOptions(flags), configPaths: flags.positional })
  output.out(report)
  return compatible ? EXIT_OK : EXIT_FAILURE
}
