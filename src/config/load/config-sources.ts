import type { Diagnostic } from '../diagnostics.ts'
import { locatePaths, type Place } from '../yaml/locate.ts'

/** One text that a configuration was read from. */
export interface ConfigSource {
  /** As the user named it: a file, or '--config-yaml'. */
  readonly path: string
  readonly text: string
  /** Paths of lists that earlier sources began, with the number of items they brought. */
  readonly listOffsets: ReadonlyMap<string, number>
}

/** Findings that are about a name rather than about what it is set to. */
const ABOUT_KEY = new Set(['unknown-field', 'unsupported', 'duplicate-key', 'oneof', 'no-effect'])

/** Enough for anyone to mend at once; the others are still reported, without their line. */
const MAX_LOCATED = 1000

/** 1-based line and column of a UTF-16 offset. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  let line = 1
  let lineStart = 0
  for (let next = text.indexOf('\n'); next >= 0 && next < offset; next = text.indexOf('\n', next + 1)) {
    line++
    lineStart = next + 1
  }
  return { line, column: offset - lineStart + 1 }
}

/** The path as a later source has it: items that earlier sources brought to the same list do not count there. */
function pathWithin(source: ConfigSource, path: string): string | undefined {
  for (const [list, offset] of source.listOffsets) {
    const match = path.startsWith(`${list}[`) ? /^\[(\d+)\](.*)$/s.exec(path.slice(list.length)) : null
    if (match === null) continue
    const index = Number(match[1]) - offset
    return index < 0 ? undefined : pathWithin({ ...source, listOffsets: new Map() }, `${list}[${index}]${match[2]}`)
  }
  return path
}

/** The texts of one configuration; knows where in them a config path stands. */
export class ConfigSources {
  private readonly sources: readonly ConfigSource[]

  constructor(sources: readonly ConfigSource[]) {
    this.sources = sources
  }

  textOf(path: string): string | undefined {
    return this.sources.find(source => source.path === path)?.text
  }

  /** Fills in file, line and column where they are missing. Costs a parse of the texts, so only done for findings. */
  locate(diagnostics: readonly Diagnostic[]): void {
    const open = diagnostics.filter(diagnostic => diagnostic.line === undefined).slice(0, MAX_LOCATED)
    if (open.length === 0) return
    // Later sources override earlier ones, so theirs is the value that was judged.
    const found = [...this.sources].reverse().map(source => {
      const within = new Map(open.map(diagnostic => [diagnostic, pathWithin(source, diagnostic.path)]))
      const places = locatePaths(
        source.text,
        [...within.values()].filter(path => path !== undefined),
      )
      return { source, place: (diagnostic: Diagnostic) => places.get(within.get(diagnostic) ?? '') }
    })
    for (const diagnostic of open) {
      const candidates = found.flatMap(({ source, place }) => {
        const at = place(diagnostic)
        return at === undefined ? [] : [{ source, at }]
      })
      const best = candidates.find(candidate => candidate.at.exact) ?? candidates.at(-1)
      if (best !== undefined) placeAt(diagnostic, best.source, best.at)
    }
  }
}

function placeAt(diagnostic: Diagnostic, source: ConfigSource, place: Place): void {
  const byKey = place.keyStart >= 0 && (!place.scalar || !place.exact || ABOUT_KEY.has(diagnostic.code))
  Object.assign(diagnostic, {
    file: source.path,
    ...lineAndColumn(source.text, byKey ? place.keyStart : place.valueStart),
  })
}
