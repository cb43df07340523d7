// Ring hash and maglev.
import { type CompileContext, type ConfigPath, int64 } from '../../../config/index.ts'
import type { MaglevPlan, RingHashPlan } from '../../balancer-plan.ts'

const DEFAULT_RING_MINIMUM = 1024
const DEFAULT_RING_MAXIMUM = 8_388_608
const DEFAULT_TABLE = 65_537
const LEAST_BALANCE_FACTOR = 100

export interface HashingFields {
  readonly useHostnameForHashing?: boolean
  readonly hashBalanceFactor?: number
}

export interface Hashing {
  readonly useHostname: boolean
  readonly hashBalanceFactor: number
  readonly localityWeighted: boolean
}

export function hashing(fields: HashingFields | undefined, localityWeighted: boolean): Hashing {
  const factor = fields?.hashBalanceFactor ?? 0
  return {
    useHostname: fields?.useHostnameForHashing ?? false,
    hashBalanceFactor: factor === 0 ? 0 : Math.max(factor, LEAST_BALANCE_FACTOR),
    localityWeighted,
  }
}

interface RingFields {
  readonly hashFunction?: string
  readonly minimumRingSize?: string | number
  readonly maximumRingSize?: string | number
}

export function ringHashPlan(
  fields: RingFields | undefined,
  common: Hashing,
  context: CompileContext,
  path: ConfigPath,
): RingHashPlan {
  const minimumRingSize = int64(fields?.minimumRingSize ?? DEFAULT_RING_MINIMUM)
  const maximumRingSize = int64(fields?.maximumRingSize ?? DEFAULT_RING_MAXIMUM)
  if (minimumRingSize > maximumRingSize) {
    context.diagnostics.error(path.field('minimum_ring_size'), 'is above maximum_ring_size', {
      expected: `at most ${maximumRingSize}`,
      found: String(minimumRingSize),
    })
  }
  const hashFunction = fields?.hashFunction === 'MURMUR_HASH_2' ? 'MURMUR_HASH_2' : 'XX_HASH'
  return { kind: 'ring_hash', hashFunction, minimumRingSize, maximumRingSize, ...common }
}

function isPrime(value: number): boolean {
  if (value < 2) return false
  for (let divisor = 2; divisor * divisor <= value; divisor++) if (value % divisor === 0) return false
  return true
}

export function maglevPlan(
  tableSizeField: string | number | undefined,
  common: Hashing,
  context: CompileContext,
  path: ConfigPath,
): MaglevPlan {
  const tableSize = int64(tableSizeField ?? DEFAULT_TABLE)
  if (!isPrime(tableSize)) {
    context.diagnostics.error(path.field('table_size'), 'the table size of maglev must be a prime number', {
      found: String(tableSize),
    })
  }
  return { kind: 'maglev', tableSize, ...common }
}
