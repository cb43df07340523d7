import { type EnvironmentReader, parseDuration } from './environment.ts'

/** Reads settings that a flag gives, or else an environment variable, or else have a default. */
export class SettingReader {
  readonly problems: string[] = []
  private readonly flags: ReadonlyMap<string, string>
  private readonly env: EnvironmentReader

  constructor(flags: ReadonlyMap<string, string>, env: EnvironmentReader) {
    this.flags = flags
    this.env = env
  }

  problem(text: string): void {
    this.problems.push(text)
  }

  text(flag: string, variable: string | null, fallback: string): string {
    const given = this.flags.get(flag)
    if (given !== undefined) return given
    const set = variable === null ? '' : this.env.text(variable)
    return set === '' ? fallback : set
  }

  flag(flag: string, variable: string): boolean {
    const given = this.flags.get(flag)
    return given === undefined ? this.env.flag(variable) : given === 'true'
  }

  number(flag: string, variable: string | null, fallback: number): number {
    const text = this.text(flag, variable, String(fallback))
    if (/^\d{1,15}$/.test(text)) return Number(text)
    // The command line's own parser has reported a flag that is no number.
    if (!this.flags.has(flag)) this.problem(`${variable} is a whole number, not '${text}'`)
    return fallback
  }

  duration(flag: string, variable: string | null, fallbackMs: number): number {
    const given = this.flags.get(flag)
    if (given === undefined) return variable === null ? fallbackMs : this.env.duration(variable, fallbackMs)
    const ms = parseDuration(given)
    if (ms === undefined) this.problem(`--${flag} is a duration such as 500ms or 10s, not '${given}'`)
    return ms ?? fallbackMs
  }
}
