// What CEL expressions compute. Texts are wire texts (a character per byte, of UTF-8), as everywhere in the data plane.

export class CelUint {
  readonly value: bigint

  constructor(value: bigint) {
    this.value = value
  }
}

/** A wire text that is no string. */
export class CelBytes {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Nanoseconds since 1970. */
export class CelTimestamp {
  readonly ns: bigint

  constructor(ns: bigint) {
    this.ns = ns
  }
}

export class CelDuration {
  readonly ns: bigint

  constructor(ns: bigint) {
    this.ns = ns
  }
}

export class CelType {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/** The result of what cannot be computed: it passes through operators, except where `&&` and `||` do not need it. */
export class CelError {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/** Anything that is looked into by keys. */
export abstract class CelMap {
  abstract get(key: CelValue): CelValue | undefined
  /** Null: what is in it cannot be listed. */
  abstract keys(): readonly CelValue[] | null

  get size(): number {
    return this.keys()?.length ?? 0
  }
}

/** A protobuf message: fields of its own, each with a default. */
export abstract class CelMessage {
  /** Undefined: there is no such field. */
  abstract get(field: string): CelValue | undefined
  abstract has(field: string): boolean
  abstract toJSON(): CelJson
  /** Protobuf's short text form. */
  abstract toText(): string
}

export type CelJson = string | number | boolean | null | readonly CelJson[] | { readonly [key: string]: CelJson }

/** Integers are bigint, doubles are number. */
export type CelValue =
  | null
  | boolean
  | string
  | bigint
  | number
  | CelUint
  | CelBytes
  | CelTimestamp
  | CelDuration
  | CelType
  | CelMap
  | CelMessage
  | readonly CelValue[]

export type CelResult = CelValue | CelError

export const isCelError = (result: CelResult): result is CelError => result instanceof CelError
export const isList = (value: CelValue): value is readonly CelValue[] => Array.isArray(value)

/** A map as an expression or a Struct writes it. */
export class CelEntries extends CelMap {
  private readonly entries: ReadonlyMap<string, readonly [key: CelValue, value: CelValue]>

  constructor(entries: Iterable<readonly [key: CelValue, value: CelValue]>) {
    super()
    const byKey = new Map<string, readonly [CelValue, CelValue]>()
    for (const entry of entries) {
      const key = keyOf(entry[0])
      if (key !== undefined) byKey.set(key, entry)
    }
    this.entries = byKey
  }

  get(key: CelValue): CelValue | undefined {
    const text = keyOf(key)
    return text === undefined ? undefined : this.entries.get(text)?.[1]
  }

  keys(): readonly CelValue[] {
    return Array.from(this.entries.values(), ([key]) => key)
  }
}

/** Equal keys have equal texts: numbers go by their value, whatever their type. Undefined: no key of a map. */
export function keyOf(key: CelValue): string | undefined {
  if (typeof key === 'string') return `s${key}`
  if (typeof key === 'bigint') return `n${key}`
  if (typeof key === 'boolean') return `b${key}`
  if (key instanceof CelUint) return `n${key.value}`
  if (typeof key === 'number' && Number.isInteger(key)) return `n${BigInt(key)}`
  return undefined
}

export function typeNameOf(value: CelValue): string {
  if (value === null) return 'null_type'
  switch (typeof value) {
    case 'boolean':
      return 'bool'
    case 'string':
      return 'string'
    case 'bigint':
      return 'int'
    case 'number':
      return 'double'
  }
  if (value instanceof CelUint) return 'uint'
  if (value instanceof CelBytes) return 'bytes'
  if (value instanceof CelTimestamp) return 'google.protobuf.Timestamp'
  if (value instanceof CelDuration) return 'google.protobuf.Duration'
  if (value instanceof CelType) return 'type'
  if (value instanceof CelMap) return 'map'
  return isList(value) ? 'list' : 'message'
}
