import type { Event } from 'js-yaml'
import { yamlEvents } from './events.ts'
import { jsonScalar, NULL, plainScalar } from './scalars.ts'

/** Something wrong with the text itself, at a UTF-16 offset. */
export interface YamlProblem {
  readonly offset: number
  readonly message: string
  readonly code: string
  /** The config path of what is wrong; '' for the text as a whole. */
  readonly path: string
}

export interface YamlResult {
  /** Plain objects, arrays and scalars; undefined when the text does not parse. */
  readonly value: unknown
  readonly problems: readonly YamlProblem[]
  /** Whether aliases make parts of the value stand in several places. */
  readonly shared: boolean
}

/** Values that aliases may stand for in one file, counted as if written out: what walks the result has no other bound. */
const MAX_EXPANDED_VALUES = 5_000_000

/** Levels of nesting with aliases written out; the parser itself bounds the text at 100. */
const MAX_DEPTH = 100

const PLAIN_KEY = /^@?\w+$/

interface Anchored {
  readonly value: unknown
  readonly size: number
  readonly depth: number
}

interface Frame {
  readonly list: unknown[] | null
  readonly map: Record<string, unknown> | null
  key: string | null
  /** The key was refused or carries `!ignore`: its value is read and dropped. */
  dropped: boolean
  readonly anchor: string | null
  /** Stands where a key should be. */
  readonly asKey: boolean
  /** Values made before this one, to know its size when it ends. */
  readonly countAtStart: number
  /** Levels below this one, so far. */
  depth: number
}

/**
 * Builds plain values from parser events. Written here instead of taken from the parser because Envoy's scalar rules need
 * keys as written, and because every duplicate key is reported, not the first one.
 */
class ValueBuilder {
  readonly problems: YamlProblem[] = []
  root: unknown = null
  shared = false
  private documents = 0
  private readonly text: string
  private readonly stack: Frame[] = []
  private readonly anchors = new Map<string, Anchored>()
  private count = 0
  /** End of the newest scalar: a key that is left out has no place of its own. */
  private last = 0

  private readonly plain: (source: string) => unknown
  private readonly keepMergeKeys: boolean
  private readonly yaml = yamlEvents()

  constructor(text: string, plain: (source: string) => unknown, keepMergeKeys: boolean) {
    this.text = text
    this.plain = plain
    this.keepMergeKeys = keepMergeKeys
  }

  build(events: readonly Event[]): void {
    const { EVENT_ID } = this.yaml
    for (const event of events) {
      switch (event.type) {
        case EVENT_ID.DOCUMENT:
          this.documents++
          if (this.documents > 1) {
            this.problem(
              Math.max(this.text.indexOf('\n---', this.last) + 1, this.last),
              'a configuration is one YAML document; this file holds another one',
              'second-document',
            )
            return
          }
          break
        case EVENT_ID.SCALAR:
          this.scalar(event)
          break
        case EVENT_ID.ALIAS:
          this.alias(this.text.slice(event.anchorStart, event.anchorEnd), event.anchorStart)
          break
        case EVENT_ID.POP:
          this.pop()
          break
        default:
          this.open(event.type === EVENT_ID.SEQUENCE, event.anchorStart, event.anchorEnd, event.start)
      }
    }
  }

  private problem(offset: number, message: string, code: string): void {
    this.problems.push({ offset: offset < 0 ? this.last : offset, message, code, path: this.path() })
  }

  private path(): string {
    let path = ''
    for (const { list, key } of this.stack) {
      if (list !== null) path += `[${list.length}]`
      else if (key !== null)
        path += PLAIN_KEY.test(key) ? `${path === '' ? '' : '.'}${key}` : `[${JSON.stringify(key)}]`
    }
    return path
  }

  private scalar(event: Extract<Event, { valueStart: number }>): void {
    const { text } = this
    // The common case spelled out: a plain scalar on one line is the source itself.
    const source =
      event.valueStart < 0
        ? ''
        : event.fast
          ? text.slice(event.valueStart, event.valueEnd)
          : this.yaml.getScalarValue(text, event)
    if (event.valueEnd >= 0) this.last = event.valueEnd
    const frame = this.stack.at(-1)
    if (frame !== undefined && frame.map !== null && frame.key === null) {
      this.key(frame, source, event)
      return
    }
    const value = event.style === this.yaml.SCALAR_STYLE.PLAIN ? this.plain(source) : source
    this.count++
    if (event.anchorStart >= 0)
      this.anchors.set(text.slice(event.anchorStart, event.anchorEnd), { value, size: 1, depth: 0 })
    this.add(value)
  }

  private key(frame: Frame, name: string, event: Extract<Event, { valueStart: number }>): void {
    frame.key = name
    frame.dropped = event.tagStart >= 0 && this.text.slice(event.tagStart, event.tagEnd) === '!ignore'
    if (frame.dropped) return
    if (name === '<<' && event.style === this.yaml.SCALAR_STYLE.PLAIN && !this.keepMergeKeys) {
      this.problem(event.valueStart, 'merge keys (<<) are not part of Envoy configurations', 'merge-key')
    } else if (name === '__proto__') {
      this.problem(event.valueStart, "'__proto__' cannot be a key", 'forbidden-key')
    } else if (Object.hasOwn(frame.map!, name)) {
      this.problem(event.valueStart, `'${name}' is set twice in the same mapping`, 'duplicate-key')
    } else return
    frame.dropped = true
  }

  private open(isList: boolean, anchorStart: number, anchorEnd: number, start: number): void {
    const parent = this.stack.at(-1)
    const asKey = parent !== undefined && parent.map !== null && parent.key === null
    if (asKey) this.problem(start, 'a key must be a scalar', 'complex-key')
    this.stack.push({
      list: isList ? [] : null,
      map: isList ? null : {},
      key: null,
      dropped: false,
      anchor: anchorStart < 0 ? null : this.text.slice(anchorStart, anchorEnd),
      asKey,
      countAtStart: this.count,
      depth: 0,
    })
    this.count++
  }

  private pop(): void {
    const frame = this.stack.pop()
    if (frame === undefined) return
    const value = frame.list ?? frame.map
    if (frame.anchor !== null)
      this.anchors.set(frame.anchor, { value, size: this.count - frame.countAtStart, depth: frame.depth })
    if (frame.asKey) this.dropKey()
    else this.add(value, frame.depth + 1)
  }

  /** What stands in a key's place is no key: its value is read and dropped. */
  private dropKey(): void {
    const parent = this.stack.at(-1)!
    parent.key = ''
    parent.dropped = true
  }

  private alias(name: string, offset: number): void {
    const frame = this.stack.at(-1)
    if (frame !== undefined && frame.map !== null && frame.key === null) {
      this.problem(offset, 'a key must be a scalar', 'complex-key')
      this.dropKey()
      return
    }
    const anchored = this.anchors.get(name)
    if (anchored === undefined) {
      this.problem(offset, `no anchor named '${name}' stands before this alias`, 'unknown-alias')
      this.add(null)
      return
    }
    this.count += anchored.size
    if (this.count > MAX_EXPANDED_VALUES) {
      this.problem(offset, `aliases stand for more than ${MAX_EXPANDED_VALUES} values`, 'alias-limit')
      this.add(null)
      return
    }
    if (this.stack.length + anchored.depth > MAX_DEPTH) {
      this.problem(offset, `aliases nest deeper than ${MAX_DEPTH} levels`, 'alias-limit')
      this.add(null)
      return
    }
    this.shared = true
    this.add(anchored.value, anchored.depth)
  }

  private add(value: unknown, depth = 0): void {
    const frame = this.stack.at(-1)
    if (frame !== undefined && depth > frame.depth) frame.depth = depth
    if (frame === undefined) this.root = value
    else if (frame.list !== null) frame.list.push(value)
    else {
      if (!frame.dropped) frame.map![frame.key!] = value
      frame.key = null
      frame.dropped = false
    }
  }
}

/** YAML text, or JSON where `json` is set, to plain values by Envoy's rules. Never throws. */
export function parseYaml(text: string, json = false): YamlResult {
  return build(text, json ? jsonScalar : plainScalar, false)
}

/**
 * For files of other programs, whose reader knows what a scalar is to be: all scalars are text as written, null where they
 * say so, and merge keys stay entries named '<<'.
 */
export function parseYamlTexts(text: string): YamlResult {
  return build(text, source => (NULL.has(source) ? null : source), true)
}

function build(text: string, plain: (source: string) => unknown, keepMergeKeys: boolean): YamlResult {
  const { parseEvents, YAMLException } = yamlEvents()
  try {
    const builder = new ValueBuilder(text, plain, keepMergeKeys)
    builder.build(parseEvents(text, {}))
    return { value: builder.root, problems: builder.problems, shared: builder.shared }
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error
    return {
      value: undefined,
      problems: [{ offset: error.mark?.position ?? 0, message: error.reason, code: 'syntax', path: '' }],
      shared: false,
    }
  }
}
