import type { Event } from 'js-yaml'
import { snakeCase } from '../config-path.ts'
import { yamlEvents } from './events.ts'

/** UTF-16 offsets of one place in a text; `keyStart` is -1 for list items and the root. */
export interface Place {
  readonly keyStart: number
  readonly keyEnd: number
  readonly valueStart: number
  readonly valueEnd: number
  /** Whether the value is a scalar, and so can be pointed at as a whole. */
  readonly scalar: boolean
  /** False when the text does not hold the path itself and this is its nearest ancestor. */
  readonly exact: boolean
}

/** A tree of the paths that are wanted, so that one walk over the text finds all of them. */
interface Wanted {
  readonly children: Map<string, Wanted>
  readonly paths: string[]
}

const SEGMENT = /\[\d+\]|\["(?:[^"\\]|\\.)*"\]|[^.[]+/g

function wantedTree(paths: Iterable<string>): Wanted {
  const root: Wanted = { children: new Map(), paths: [] }
  for (const path of paths) {
    let node = root
    for (const segment of path.match(SEGMENT) ?? []) {
      let child = node.children.get(segment)
      if (child === undefined) {
        child = { children: new Map(), paths: [] }
        node.children.set(segment, child)
      }
      node = child
    }
    node.paths.push(path)
  }
  return root
}

class Locator {
  readonly places = new Map<string, Place>()
  private at = 0
  /** Where the newest node ended: a key or value that is left out has no place of its own and stands there. */
  private last = 0
  private readonly text: string
  private readonly events: readonly Event[]
  private readonly yaml = yamlEvents()

  constructor(text: string, events: readonly Event[]) {
    this.text = text
    this.events = events
  }

  /** Visits the node that starts at the current event and leaves the position after it. */
  visit(wanted: Wanted | undefined, keyStart: number, keyEnd: number): void {
    const { EVENT_ID } = this.yaml
    const event = this.events[this.at]
    if (event === undefined) return
    if (event.type === EVENT_ID.DOCUMENT) {
      this.at++
      this.visit(wanted, keyStart, keyEnd)
      return
    }
    if (wanted === undefined) {
      this.skip()
      return
    }
    const [start, end] = this.range(event)
    this.record(wanted, {
      keyStart,
      keyEnd,
      valueStart: start,
      valueEnd: end,
      scalar: event.type === EVENT_ID.SCALAR,
      exact: true,
    })
    this.at++
    if (event.type === EVENT_ID.SEQUENCE) this.visitItems(wanted)
    else if (event.type === EVENT_ID.MAPPING) this.visitEntries(wanted)
  }

  /** A path that the text does not hold (a missing field) is found at its nearest ancestor that the text holds. */
  private record(wanted: Wanted, place: Place): void {
    for (const path of wanted.paths) this.places.set(path, place)
    const near = place.exact ? { ...place, exact: false } : place
    for (const child of wanted.children.values()) this.record(child, near)
  }

  private range(event: Event): readonly [number, number] {
    const range = this.sourceRange(event)
    this.last = range[1]
    return range
  }

  private sourceRange(event: Event): readonly [number, number] {
    const { EVENT_ID, SCALAR_STYLE } = this.yaml
    if (event.type === EVENT_ID.SCALAR) {
      if (event.valueStart < 0) return [this.last, this.last]
      const quoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED ? 1 : 0
      return [event.valueStart - quoted, event.valueEnd + quoted]
    }
    if (event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING) return [event.start, event.start + 1]
    if (event.type === EVENT_ID.ALIAS) return [event.anchorStart - 1, event.anchorEnd]
    return [this.last, this.last]
  }

  private visitItems(wanted: Wanted): void {
    for (let i = 0; this.isOpen(); i++) this.visit(wanted.children.get(`[${i}]`), -1, -1)
    this.at++
  }

  private visitEntries(wanted: Wanted): void {
    const { EVENT_ID, getScalarValue } = this.yaml
    // One object in place of a list: its path has an index that the text does not have.
    const inner = wanted.children.get('[0]') ?? wanted
    while (this.isOpen()) {
      const key = this.events[this.at]!
      if (key.type !== EVENT_ID.SCALAR) {
        this.skip()
        this.skip()
        continue
      }
      const name = getScalarValue(this.text, key)
      const [start, end] = this.range(key)
      this.at++
      this.visit(inner.children.get(snakeCase(name)) ?? inner.children.get(`[${JSON.stringify(name)}]`), start, end)
    }
    this.at++
  }

  private isOpen(): boolean {
    const event = this.events[this.at]
    return event !== undefined && event.type !== this.yaml.EVENT_ID.POP
  }

  private skip(): void {
    const { EVENT_ID } = this.yaml
    let depth = 0
    do {
      const event = this.events[this.at++]
      if (event === undefined) return
      this.range(event)
      if (event.type === EVENT_ID.SEQUENCE || event.type === EVENT_ID.MAPPING) depth++
      else if (event.type === EVENT_ID.POP) depth--
    } while (depth > 0)
  }
}

/** Where each config path stands in a YAML or JSON text; empty when the text does not parse. */
export function locatePaths(text: string, paths: Iterable<string>): ReadonlyMap<string, Place> {
  const { parseEvents, YAMLException } = yamlEvents()
  try {
    const locator = new Locator(text, parseEvents(text, {}))
    locator.visit(wantedTree(paths), -1, -1)
    return locator.places
  } catch (error) {
    if (error instanceof YAMLException) return new Map()
    throw error
  }
}
