import { parseYaml, type YamlResult } from './parse-yaml.ts'

// The parser keeps an event of about 100 bytes for every value of a text, which is most of the memory that a file with
// 10,000 clusters needs, and most of the garbage that one with 10,000 routes makes. So a big text is cut between the items
// of its longest list, and read piece by piece.

/** Smaller texts are read whole: the gain is not worth the second way. */
const LARGE = 1 << 18
const PIECE = 1 << 16

/** Anchors, aliases, further documents and directives tie pieces together. */
const TIED = /(?:^|[\s,[{:-])[&*][\w-]|^(?:---|\.\.\.|%)/m

/** Keys of lists that grow long. */
const LIST_KEYS = ['resources', 'clusters', 'listeners', 'virtual_hosts', 'virtualHosts', 'routes']
const ALONE_IN_LINE = /[ \t]*(?:#.*)?\r?\n/y

/** Stands for the lines that were taken out. */
const TAKEN_OUT = 'outrider: items read one by one'

const SPACE = 32
const LINE_FEED = 10
const CARRIAGE_RETURN = 13
const HASH = 35
const DASH = 45

interface Region {
  readonly start: number
  readonly end: number
  readonly indent: number
}

/** Starts of lists under `key`, as the offsets of their first lines. */
function* listsUnder(text: string, key: string): Generator<number> {
  const mark = `${key}:`
  for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, at + 1)) {
    const before = text.charCodeAt(at - 1)
    ALONE_IN_LINE.lastIndex = at + mark.length
    if ((before === SPACE || before === LINE_FEED) && ALONE_IN_LINE.test(text)) yield ALONE_IN_LINE.lastIndex
  }
}

/** The lines of the block list that starts with the line at `start`. */
function regionAt(text: string, start: number): Region | undefined {
  let indent = 0
  while (text.charCodeAt(start + indent) === SPACE) indent++
  if (text.charCodeAt(start + indent) !== DASH || text.charCodeAt(start + indent + 1) !== SPACE) return undefined
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
  while (at - start <= indent && text.charCodeAt(at) === SPACE) at++
  const column = at - start
  const char = text.charCodeAt(at)
  if (column > indent || at >= end || char === LINE_FEED || char === CARRIAGE_RETURN || char === HASH) return true
  return column === indent && char === DASH && text.charCodeAt(at + 1) === SPACE
}

/** Offsets at which an item starts, at least PIECE apart. */
function cuts(text: string, { start, end, indent }: Region): readonly number[] {
  const mark = `\n${' '.repeat(indent)}- `
  const found = [start]
  for (let at = text.indexOf(mark, start + PIECE); at >= 0 && at < end; at = text.indexOf(mark, at + PIECE))
    found.push(at + 1)
  return [...found, end]
}

/** Where to cut: the list with most pieces among those that are half of the text. */
function longestList(text: string): readonly [Region, readonly number[]] | undefined {
  let best: readonly [Region, readonly number[]] | undefined
  for (const key of LIST_KEYS) {
    for (const start of listsUnder(text, key)) {
      const region = regionAt(text, start)
      if (region === undefined || region.end - region.start < text.length / 2) continue
      const at = cuts(text, region)
      if (best === undefined || at.length > best[1].length) best = [region, at]
    }
  }
  return best
}

function parsePieces(text: string, { start, end, indent }: Region, offsets: readonly number[]): YamlResult | undefined {
  // Line breaks for the lines taken out would keep nothing: problems of the rest are found by the parse of the whole.
  const rest = parseYaml(`${text.slice(0, start)}${' '.repeat(indent)}- "${TAKEN_OUT}"\n${text.slice(end)}`)
  if (rest.problems.length > 0) return undefined
  const list = placeOf(rest.value)
  if (list === undefined) return undefined
  list.length = 0
  for (let i = 1; i < offsets.length; i++) {
    const piece = parseYaml(text.slice(offsets[i - 1], offsets[i]))
    if (piece.problems.length > 0 || !Array.isArray(piece.value)) return undefined
    for (const item of piece.value as readonly unknown[]) list.push(item)
  }
  return rest
}

/** The list whose items were taken out; none where what looked like one was something else, such as lines of a text. */
function placeOf(value: unknown): unknown[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value) && value[0] === TAKEN_OUT) return value
  for (const child of Object.values(value)) {
    const found = placeOf(child)
    if (found !== undefined) return found
  }
  return undefined
}

/** parseYaml() with less memory for a big text; whatever is unusual or wrong is left to a parse of the whole. */
export function parseLargeYaml(text: string): YamlResult {
  if (text.length < LARGE || TIED.test(text) || text.includes(TAKEN_OUT)) return parseYaml(text)
  const found = longestList(text)
  return (found === undefined ? undefined : parsePieces(text, ...found)) ?? parseYaml(text)
}
