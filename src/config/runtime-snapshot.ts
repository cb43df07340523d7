/** Values of Envoy's runtime at one moment; immutable, swapped as a whole. */
export interface RuntimeSnapshot {
  /** Some layer says something of `key`. */
  has(key: string): boolean
  getNumber(key: string, fallback: number): number
  getBoolean(key: string, fallback: boolean): boolean
  getString(key: string): string | undefined
  /**
   * True for a `numerator / denominator` share of `random` values (uniform in [0, 1)); a runtime value of `key`, a
   * percentage or a fractional percent, replaces the fraction.
   */
  featureEnabled(key: string | undefined, fraction: FractionOf, random: number): boolean
  /** The share that `key` sets, or else `fraction`. */
  shareOf(key: string | undefined, fraction: FractionOf): FractionOf
}

export interface FractionOf {
  readonly numerator: number
  readonly denominator: number
}

type RuntimeValue = string | number | boolean | FractionOf

const DENOMINATORS: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 }

/** {numerator, denominator} of a type.v3.FractionalPercent; the denominator is 100 unless said otherwise. */
export function fractionalPercent(
  percent: { readonly numerator?: number; readonly denominator?: string } | undefined,
): FractionOf {
  return { numerator: percent?.numerator ?? 0, denominator: DENOMINATORS[percent?.denominator ?? 'HUNDRED'] ?? 100 }
}

class LayeredSnapshot implements RuntimeSnapshot {
  private readonly values: ReadonlyMap<string, RuntimeValue>

  constructor(values: ReadonlyMap<string, RuntimeValue>) {
    this.values = values
  }

  has(key: string): boolean {
    return this.values.has(key)
  }

  getNumber(key: string, fallback: number): number {
    const value = this.values.get(key)
    if (typeof value === 'number') return value
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
    return Number.isNaN(number) ? fallback : number
  }

  getBoolean(key: string, fallback: boolean): boolean {
    const value = this.values.get(key)
    if (typeof value === 'boolean') return value
    if (value === 'true' || value === 'false') return value === 'true'
    return fallback
  }

  getString(key: string): string | undefined {
    const value = this.values.get(key)
    return value === undefined || typeof value === 'object' ? undefined : String(value)
  }

  featureEnabled(key: string | undefined, fraction: FractionOf, random: number): boolean {
    const { numerator, denominator } = this.shareOf(key, fraction)
    return random * denominator < numerator
  }

  shareOf(key: string | undefined, fraction: FractionOf): FractionOf {
    const value = key === undefined ? undefined : this.values.get(key)
    if (typeof value === 'object') return value
    const isPercent = typeof value === 'number' && Number.isInteger(value) && value >= 0
    return isPercent ? { numerator: value, denominator: 100 } : fraction
  }
}

function collect(fields: object, prefix: string, into: Map<string, RuntimeValue>): void {
  for (const [name, value] of Object.entries(fields)) {
    const key = prefix === '' ? name : `${prefix}.${name}`
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') into.set(key, value)
    else if (isFraction(value)) into.set(key, fractionalPercent(value))
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) collect(value, key, into)
  }
}

/** As Envoy: a struct with nothing but `numerator` and `denominator` is one value, any other struct is a key prefix. */
function isFraction(value: unknown): value is { numerator?: number; denominator?: string } {
  if (typeof value !== 'object' || value === null || !('numerator' in value)) return false
  return Object.keys(value).every(key => key === 'numerator' || key === 'denominator')
}

/**
 * Merges layers, the last one winning per key. A layer is the JSON form of a runtime Struct: nested objects make dotted
 * keys.
 */
export function runtimeSnapshot(layers: readonly object[]): RuntimeSnapshot {
  const values = new Map<string, RuntimeValue>()
  for (const layer of layers) collect(layer, '', values)
  return new LayeredSnapshot(values)
}

/** The runtime as it is whenever it is asked: for what is compiled once and asks for as long as it lives. */
export function currentRuntime(holder: { readonly snapshot: RuntimeSnapshot }): RuntimeSnapshot {
  return {
    has: key => holder.snapshot.has(key),
    getNumber: (key, fallback) => holder.snapshot.getNumber(key, fallback),
    getBoolean: (key, fallback) => holder.snapshot.getBoolean(key, fallback),
    getString: key => holder.snapshot.getString(key),
    featureEnabled: (key, fraction, random) => holder.snapshot.featureEnabled(key, fraction, random),
    shareOf: (key, fraction) => holder.snapshot.shareOf(key, fraction),
  }
}
