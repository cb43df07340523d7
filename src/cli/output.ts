/** Where a command writes; tests give their own. */
export interface Output {
  out(text: string): void
  err(text: string): void
}

export const processOutput: Output = {
  out: text => void process.stdout.write(text),
  err: text => void process.stderr.write(text),
}

export const EXIT_OK = 0
/** The configuration is wrong, or the work failed. */
export const EXIT_FAILURE = 1
/** The command line is wrong. */
export const EXIT_USAGE = 2

/** Prints what is wrong with a command line and returns the exit code. */
export function usageError(output: Output, command: string, problems: readonly string[]): number {
  const name = command === '' ? 'outrider' : `outrider ${command}`
  output.err(`${problems.map(problem => `${name}: ${problem}\n`).join('')}Try '${name} --help'.\n`)
  return EXIT_USAGE
}
