import { COMMANDS } from './commands.ts'
import { type Flag, SERVE_FLAGS } from './flag-table.ts'
import { EXIT_OK, type Output } from './output.ts'

function flagLine({ name, short, kind, help, noEffect }: Flag): string {
  const value = kind === 'switch' ? '' : kind === 'number' ? ' <n>' : ' <text>'
  const text = noEffect === undefined ? help : `No effect: ${noEffect}.`
  return `  ${`${short === undefined ? '    ' : `-${short}, `}--${name}${value}`.padEnd(40)} ${text}\n`
}

/** The lines of `--help` for a set of flags. */
export function describeFlags(flags: readonly Flag[]): string {
  return flags.map(flagLine).join('')
}

/** `outrider --help`. */
export async function help(_argv: readonly string[], output: Output): Promise<number> {
  const commands = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(14)} ${summary}\n`).join('')
  const [ours, envoys] = [SERVE_FLAGS.filter(flag => !flag.noEffect), SERVE_FLAGS.filter(flag => flag.noEffect)]
  output.out(
    `Usage: outrider -c FILE [flags]      run the proxy on an Envoy v3 bootstrap\n       outrider COMMAND [flags]\n\nCommands:\n${commands}\nFlags:\n${describeFlags(ours)}\nAccepted for Envoy's sake:\n${describeFlags(envoys)}\nExit codes: 0 done, 1 configuration errors or failure, 2 wrong command line.\n`,
  )
  return EXIT_OK
}
