import { parseYaml, type YamlResult } from './parse-yaml.ts'

// The parser keeps an event of about 100 bytes for every value of a text, which is most of the memory that a file with
// 10,000 clusters needs. So a big text is cut between the items of its cluster list, and read piece by piece.

/** Smaller texts are read whole: the gain is not worth the second way. */
const LARGE = 1 << 20
const PIECE = 1 << 18

/** Anchors, aliases, further documents and directives tie pieces together. */
const TIED = /(?:^|[\s,[{:-])[&*][\w-]|^(?:---|\.\.\.|%)/m

const LIST_KEY = /^( *)clusters:[ \t]*(?:#.*)?\r?$/m

interface Region {
  readonly start: number
  readonly end: number
  readonly indent: number
}

/** The lines of the first block list under a `clusters:` key. */
function listRegion(text: string): Region | undefined {
  const key = LIST_KEY.exec(text)
  if (key === null) return undefined
  const start = text.indexOf('\n', key.index) + 1
  const first = /^( *)- /.exec(text.slice(start, start + 200))
  if (start === 0 || first === null || first[1]!.length < key[1]!.length) return undefined
  const indent = first[1]!.length
  let end = start
  while (end < text.length) {
    const next = text.indexOf('\n', end)
    const lineEnd = next < 0 ? text.length : next + 1
    if (!belongs(text, end, lineEnd, indent)) break
    end = lineEnd
  }
  return { start, end, indent }
}

/** Whether a line is part of a list at `indent`: an item, something deeper, blank, or a comment. */
function belongs(text: string, start: number, end: number, indent: number): boolean {
  let at = start
  while (at < end && text[at] === ' ') at++
  const column = at - start
  const char = text[at]
  if (column > indent || char === '\n' || char === '\r' || char === '#' || char === undefined) return true
  return column === indent && char === '-' && text[at + 1] === ' '
}

/** Offsets at which an item starts, at least PIECE apart. */
function cuts(text: string, { start, end, indent }: Region): readonly number[] {
  const mark = `\n${' '.repeat(indent)}- `
  const found = [start]
  for (let at = text.indexOf(mark, start + PIECE); at >= 0 && at < end; at = text.indexOf(mark, at + PIECE))
    found.push(at + 1)
  return [...found, end]
}

function parsePieces(text: string, region: Region): YamlResult | undefined {
  // Line breaks for the lines taken out would keep nothing: problems of the rest are found by the parse of the whole.
  const rest = parseYaml(`${text.slice(0, region.start)}${text.slice(region.end)}`)
  if (rest.problems.length > 0) return undefined
  const items: unknown[] = []
  const offsets = cuts(text, region)
  for (let i = 1; i < offsets.length; i++) {
    const piece = parseYaml(text.slice(offsets[i - 1], offsets[i]))
    if (piece.problems.length > 0 || !Array.isArray(piece.value)) return undefined
    for (const item of piece.value as readonly unknown[]) items.push(item)
  }
  return setList(rest.value, items) ? rest : undefined
}

/** Puts the items where the rest of the text has an empty `clusters` key; false where there is no such place. */
function setList(value: unknown, items: readonly unknown[]): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const holder = value as Record<string, unknown>
  if (holder['clusters'] === null) {
    holder['clusters'] = items
    return true
  }
  return setList(holder['static_resources'] ?? holder['staticResources'], items)
}

/** parseYaml() with less memory for a big text; whatever is unusual or wrong is left to a parse of the whole. */
export function parseLargeYaml(text: string, json = false): YamlResult {
  if (json || text.length < LARGE || TIED.test(text)) return parseYaml(text, json)
  const region = listRegion(text)
  return (region === undefined ? undefined : parsePieces(text, region)) ?? parseYaml(text)
}
