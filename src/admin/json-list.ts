// Printing messages as Envoy prints them (one space per level), a piece at a time: a configuration of 10,000 clusters
// must not be held as one text, nor rendered in one go.

/** A long list whose items are made when they are printed. */
export class LazyList {
  private readonly items: Iterable<unknown>
  private readonly make: (item: unknown) => unknown

  constructor(items: Iterable<unknown>, make: (item: unknown) => unknown) {
    this.items = items
    this.make = make
  }

  *[Symbol.iterator](): Generator<unknown> {
    for (const item of this.items) yield this.make(item)
  }
}

function holdsLazyList(value: unknown): boolean {
  if (value instanceof LazyList) return true
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsLazyList)
}

/** `value` printed whole, each line but the first moved in by `depth` spaces. */
function indented(value: unknown, depth: number): string {
  return JSON.stringify(value, null, 1).replaceAll('\n', `\n${' '.repeat(depth)}`)
}

/** `value` printed at `depth`, without the indentation of its first line. Empty lazy lists print as []. */
export function* printJson(value: unknown, depth: number): Generator<string> {
  if (!holdsLazyList(value)) {
    yield indented(value, depth)
    return
  }
  const pad = `\n${' '.repeat(depth + 1)}`
  const list = value instanceof LazyList || Array.isArray(value)
  let between = list ? '[' : '{'
  for (const [name, item] of list ? unnamed(value as Iterable<unknown>) : Object.entries(value as object)) {
    yield `${between}${pad}${name === '' ? '' : `${JSON.stringify(name)}: `}`
    yield* printJson(item, depth + 1)
    between = ','
  }
  yield between === ',' ? `\n${' '.repeat(depth)}${list ? ']' : '}'}` : list ? '[]' : '{}'
}

function* unnamed(items: Iterable<unknown>): Generator<[string, unknown]> {
  for (const item of items) yield ['', item]
}

/** `{ "<name>": [items...] }` and a newline; an empty list is left out, as a proto printer does. */
export function* jsonList(name: string, items: Iterable<unknown>): Generator<string> {
  let any = false
  for (const item of items) {
    yield any ? ',\n  ' : `{\n "${name}": [\n  `
    yield* printJson(item, 2)
    any = true
  }
  yield any ? '\n ]\n}\n' : '{}\n'
}
