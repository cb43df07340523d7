// Decides whether a backtracking engine runs a pattern in linear time, and translates it for V8 when it does.
//
// Only a small part of RE2's syntax is understood; everything else is left to RE2JS. Nothing but single characters and
// classes may repeat. Then a pattern is safe when every choice (go on or leave a loop, which branch) is settled by the
// next character alone; or when it has one loop at most, and few unsettled choices beside it.
import { parsePattern, type RegexNode } from './pattern-parser.ts'

export interface TranslatedRegex {
  /** V8 source without anchors, for wire text. */
  readonly source: string
  /** The same with the pattern's own anchors. */
  readonly anchoredSource: string
  /** Searching at every position is linear as well. */
  readonly searchable: boolean
}

/** Unsettled choices without a loop cost at most 2^n: a constant, kept small. */
const MAX_UNSETTLED = 6

interface Verdict {
  loops: number
  unsettled: number
}

interface FirstSet {
  /** Bit c: the byte c can come first. */
  readonly first: bigint
  readonly nullable: boolean
}

export function translateUnambiguous(pattern: string): TranslatedRegex | null {
  const parsed = parsePattern(pattern)
  if (parsed === null) return null
  const verdict: Verdict = { loops: 0, unsettled: 0 }
  examine(parsed.root, 0n, verdict)
  const linear = verdict.unsettled === 0 || (verdict.loops <= 1 && verdict.unsettled <= MAX_UNSETTLED)
  if (!linear) return null
  const source = emit(parsed.root)
  return {
    source,
    anchoredSource: `${parsed.anchoredStart ? '^' : ''}(?:${source})${parsed.anchoredEnd ? '$' : ''}`,
    searchable: parsed.anchoredStart || verdict.loops === 0,
  }
}

/** First set of `node` when `follow` can come behind it; counts loops and unsettled choices on the way. */
function examine(node: RegexNode, follow: bigint, verdict: Verdict): FirstSet {
  switch (node.kind) {
    case 'chars': {
      const variable = node.max !== node.min
      if (variable && node.max > 1) verdict.loops++
      if (variable && (node.set & follow) !== 0n) verdict.unsettled++
      return { first: node.set, nullable: node.min === 0 }
    }
    case 'sequence': {
      let first = 0n
      let nullable = true
      for (const item of node.items.toReversed()) {
        const found = examine(item, nullable ? first | follow : first, verdict)
        first = found.nullable ? found.first | first : found.first
        nullable = nullable && found.nullable
      }
      return { first, nullable }
    }
    case 'group': {
      const found = examine(node.body, follow, verdict)
      if (!node.optional) return found
      if ((found.first & follow) !== 0n || found.nullable) verdict.unsettled++
      return { first: found.first, nullable: true }
    }
    case 'choice': {
      let first = 0n
      let nullable = false
      for (const branch of node.branches) {
        const found = examine(branch, follow, verdict)
        if ((found.first & first) !== 0n || (found.nullable && (nullable || (found.first & follow) !== 0n)))
          verdict.unsettled++
        else if (found.nullable && (first & follow) !== 0n) verdict.unsettled++
        first |= found.first
        nullable ||= found.nullable
      }
      if (nullable && (first & follow) !== 0n) verdict.unsettled++
      return { first, nullable }
    }
  }
}

function emit(node: RegexNode): string {
  switch (node.kind) {
    case 'chars':
      return emitSet(node.set) + emitCount(node.min, node.max)
    case 'sequence':
      return node.items.map(emit).join('')
    case 'group':
      return `(${node.capturing ? '' : '?:'}${emit(node.body)})${node.optional ? '?' : ''}`
    case 'choice':
      return node.branches.map(emit).join('|')
  }
}

function emitCount(min: number, max: number): string {
  if (min === 1 && max === 1) return ''
  if (max === Number.POSITIVE_INFINITY) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`
  return min === max ? `{${min}}` : `{${min},${max}}`
}

/** Written from the set itself, so that no construct of the source reaches V8 with another meaning. */
function emitSet(set: bigint): string {
  let ranges = ''
  for (let c = 0; c < 256; c++) {
    if (((set >> BigInt(c)) & 1n) === 0n) continue
    let end = c
    while (end < 255 && ((set >> BigInt(end + 1)) & 1n) === 1n) end++
    ranges += end === c ? hex(c) : `${hex(c)}-${hex(end)}`
    c = end
  }
  return `[${ranges}]`
}

function hex(code: number): string {
  return `\\x${code.toString(16).padStart(2, '0')}`
}
