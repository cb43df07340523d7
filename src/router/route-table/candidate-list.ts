// HOT FILE (docs/hot-path.md): routes that share a path. Those that ask for one exact header value are found by it.
import type { HeaderName } from '../../http/index.ts'

/** Below this many routes with an exact header a plain scan is as fast. */
const MIN_KEYED = 4

/** What the index needs to know of a route; `index` is its place in the virtual host. */
export interface Candidate {
  readonly index: number
  /** It matches whatever the headers are. */
  readonly unconditional: boolean
  readonly exactHeader: { readonly name: HeaderName; readonly value: string } | null
}

export interface KeyedCandidates {
  readonly name: HeaderName
  readonly lowest: number
  /** Value -> route indexes, ascending. */
  readonly byValue: ReadonlyMap<string, readonly number[]>
}

const NONE: readonly never[] = []

export class CandidateList {
  /** Until the list is sealed. */
  private all: Candidate[] | null = []
  /** Route indexes to try one by one, ascending. */
  scanned: readonly number[] = NONE
  keyed: readonly KeyedCandidates[] = NONE

  add(candidate: Candidate): void {
    this.all?.push(candidate)
  }

  /** Once all candidates are there, in order. What stands behind an unconditional route can never be reached. */
  seal(): void {
    const all = this.all ?? []
    this.all = null
    // The usual case, of which there may be 10,000.
    if (all.length === 1) {
      this.scanned = [all[0]!.index]
      return
    }
    const last = all.findIndex(candidate => candidate.unconditional)
    const reachable = last < 0 ? all : all.slice(0, last + 1)
    const keyed = reachable.filter(candidate => candidate.exactHeader !== null)
    const useKeys = keyed.length >= MIN_KEYED
    this.scanned = reachable.filter(c => !useKeys || c.exactHeader === null).map(c => c.index)
    if (useKeys) this.keyed = groupByHeader(keyed)
  }
}

function groupByHeader(candidates: readonly Candidate[]): readonly KeyedCandidates[] {
  const groups = new Map<HeaderName, Map<string, number[]>>()
  const lowest = new Map<HeaderName, number>()
  for (const { index, exactHeader } of candidates) {
    const { name, value } = exactHeader as NonNullable<Candidate['exactHeader']>
    let byValue = groups.get(name)
    if (byValue === undefined) {
      byValue = new Map()
      groups.set(name, byValue)
      lowest.set(name, index)
    }
    const indexes = byValue.get(value)
    if (indexes === undefined) byValue.set(value, [index])
    else indexes.push(index)
  }
  return [...groups].map(([name, byValue]) => ({ name, lowest: lowest.get(name) ?? 0, byValue }))
}
