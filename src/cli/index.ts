import { nearestName } from '../config/index.ts'
import { COMMANDS } from './commands.ts'
import { type Output, processOutput, usageError } from './output.ts'

/**
 * Runs one command line (without node and script) and returns the exit code: 0 done, 1 failed, 2 wrong usage. A command
 * that runs a proxy calls `onLive` once that serves.
 */
export async function run(
  argv: readonly string[],
  output: Output = processOutput,
  onLive: () => void = () => {},
): Promise<number> {
  const [first = '', ...rest] = argv
  if (first === '' || first === 'help') return (await import('./help.ts')).help(rest, output)
  if (first.startsWith('-')) return (await import('./serve.ts')).serve(argv, output, onLive)
  const command = COMMANDS.find(({ name }) => name === first)
  if (command !== undefined) return (await command.load())(rest, output, onLive)
  const near = nearestName(
    first,
    COMMANDS.map(({ name }) => name),
  )
  return usageError(output, '', [`unknown command '${first}'${near === undefined ? '' : `; did you mean '${near}'?`}`])
}
