import type { TemplateNames } from './stat-template.ts'

/** A template of some thread, kept once for all of them. */
export interface KnownTemplate {
  readonly id: number
  readonly names: TemplateNames
}

/** What the reader keeps of a block or a single stat, as far as order is concerned. */
export type Ordered =
  | { readonly prefix: string; readonly template: KnownTemplate }
  | { readonly name: string; readonly kind: 'counter' | 'gauge' }

/** Stats that share a root, in the order of their names. */
export interface StatGroup<Entry> {
  readonly root: string
  readonly members: readonly Entry[]
  readonly lines: readonly StatLine[]
}

export interface StatLine {
  /** Of the name, after the root. */
  readonly rest: string
  readonly kind: 'counter' | 'gauge'
  /** Index into the group's members, and the cell there. */
  readonly member: number
  readonly slot: number
}

const keyOf = (entry: Ordered): string => ('prefix' in entry ? entry.prefix : entry.name)

/**
 * Orders all counters and gauges by name without sorting them all: blocks are sorted by prefix, and only those within
 * another's prefix (`cluster.x.` and `cluster.x.http1.`) are sorted with it, once for all groups of the same make. Ten
 * thousand clusters are sorted as one.
 */
export function orderStats<Entry extends Ordered>(entries: Iterable<Entry>): StatGroup<Entry>[] {
  const sorted = [...entries].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0))
  const makes = new Map<string, readonly StatLine[]>()
  const groups: StatGroup<Entry>[] = []
  for (let at = 0; at < sorted.length; ) {
    const first = sorted[at] as Entry
    const root = 'prefix' in first ? first.prefix : ''
    const members = [first]
    at += 1
    if ('prefix' in first) {
      while (at < sorted.length && keyOf(sorted[at] as Entry).startsWith(root)) members.push(sorted[at++] as Entry)
    }
    const make = members.map(member => makeOf(member, root)).join(' ')
    let lines = makes.get(make)
    if (lines === undefined) {
      lines = sortedLines(members, root)
      makes.set(make, lines)
    }
    groups.push({ root, members, lines })
  }
  return groups
}

function makeOf(entry: Ordered, root: string): string {
  return 'prefix' in entry
    ? `${entry.prefix.slice(root.length)}#${entry.template.id}`
    : `${entry.name.slice(root.length)}#${entry.kind}`
}

function sortedLines(members: readonly Ordered[], root: string): StatLine[] {
  const lines: StatLine[] = []
  members.forEach((entry, member) => {
    const rest = keyOf(entry).slice(root.length)
    if (!('prefix' in entry)) {
      lines.push({ rest, kind: entry.kind, member, slot: 0 })
      return
    }
    const { counters, gauges } = entry.template.names
    counters.forEach((name, slot) => {
      lines.push({ rest: rest + name, kind: 'counter', member, slot })
    })
    gauges.forEach((name, index) => {
      lines.push({ rest: rest + name, kind: 'gauge', member, slot: counters.length + index })
    })
  })
  return lines.sort((a, b) => (a.rest < b.rest ? -1 : a.rest > b.rest ? 1 : 0))
}
