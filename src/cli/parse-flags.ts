import { nearestName } from '../config/index.ts'
import type { Flag } from './flag-table.ts'

export interface ParsedFlags {
  /** By flag name, as written; switches are 'true'. The last one wins. */
  readonly values: ReadonlyMap<string, string>
  /** All values of a flag that may be repeated. */
  readonly lists: ReadonlyMap<string, readonly string[]>
  readonly positional: readonly string[]
  /** What is wrong with the command line, ready to print; empty when all is well. */
  readonly problems: readonly string[]
}

class FlagParser {
  readonly values = new Map<string, string>()
  readonly lists = new Map<string, string[]>()
  readonly positional: string[] = []
  readonly problems: string[] = []
  private readonly flags: readonly Flag[]

  constructor(flags: readonly Flag[]) {
    this.flags = flags
  }

  parse(argv: readonly string[]): void {
    for (let i = 0; i < argv.length; i++) {
      const word = argv[i]!
      if (word === '--') {
        this.positional.push(...argv.slice(i + 1))
        return
      }
      if (!word.startsWith('-') || word === '-') this.positional.push(word)
      else i += this.take(word, argv[i + 1])
    }
  }

  /** Returns how many further words the flag used up. */
  private take(word: string, next: string | undefined): 0 | 1 {
    const [, dashes, name, , inline] = /^(--?)([^=]*)(=(.*))?$/s.exec(word)!
    const flag = this.flags.find(one => (dashes === '--' ? one.name : one.short) === name)
    if (flag === undefined) {
      this.unknown(word.replace(/=.*/s, ''), name!)
      // `--typo value`: the value is the flag's, not a word of its own.
      return inline === undefined && next !== undefined && !next.startsWith('-') ? 1 : 0
    }
    if (flag.kind === 'switch') {
      if (inline !== undefined && inline !== 'true' && inline !== 'false') {
        this.problems.push(`${word}: --${flag.name} takes no value`)
      } else if (inline !== 'false') this.values.set(flag.name, 'true')
      return 0
    }
    const value = inline ?? next
    if (value === undefined) this.problems.push(`${word} needs a value`)
    else this.store(flag, value)
    return inline === undefined && next !== undefined ? 1 : 0
  }

  private store(flag: Flag, value: string): void {
    if (flag.kind === 'number' && !/^\d+$/.test(value)) {
      this.problems.push(`--${flag.name} needs a whole number, not '${value}'`)
    }
    if (flag.choices !== undefined && !flag.choices.includes(value)) {
      this.problems.push(`--${flag.name} is one of ${flag.choices.join(', ')}, not '${value}'`)
    }
    this.values.set(flag.name, value)
    const list = this.lists.get(flag.name)
    if (list === undefined) this.lists.set(flag.name, [value])
    else list.push(value)
  }

  private unknown(shown: string, name: string): void {
    const near = nearestName(
      name,
      this.flags.map(flag => flag.name),
    )
    this.problems.push(`unknown flag ${shown}${near === undefined ? '' : `; did you mean --${near}?`}`)
  }
}

/** Parses `--flag value`, `--flag=value` and `-c value`; everything after `--` is positional. Never throws. */
export function parseFlags(argv: readonly string[], flags: readonly Flag[]): ParsedFlags {
  const parser = new FlagParser(flags)
  parser.parse(argv)
  return parser
}
