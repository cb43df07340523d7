// From a parsed body to metadata.
import { toWireText } from '../../../base/index.ts'
import { type StreamInfo, setDynamicMetadata } from '../../../observability/index.ts'
import type { Rule, Target } from './rules.ts'

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

type Scalar = string | number | bigint | boolean

const isScalar = (value: unknown): value is Scalar =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'

const isNode = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** The value of an own field; undefined: none. Lists have no fields here. */
function field(node: Readonly<Record<string, unknown>>, key: string): unknown {
  return !Array.isArray(node) && Object.hasOwn(node, key) ? node[key] : undefined
}

/** The object that holds the last selector's field; undefined: there is none. */
function parentOf(root: unknown, selectors: readonly string[]): Readonly<Record<string, unknown>> | undefined {
  let node: unknown = root
  for (let i = 0; i < selectors.length - 1; i++) {
    node = isNode(node) ? field(node, selectors[i]!) : undefined
    if (Array.isArray(node)) return undefined
  }
  return isNode(node) ? node : undefined
}

export function applyRule(rule: Rule, root: unknown, info: StreamInfo): void {
  const parent = parentOf(root, rule.selectors)
  const value = parent === undefined ? undefined : field(parent, rule.selectors[rule.selectors.length - 1]!)
  const { onPresent } = rule
  // As Envoy: a fixed value is written wherever its field could stand.
  if (parent !== undefined && onPresent !== null && onPresent.constant !== undefined) write(onPresent, info)
  else if (isScalar(value)) {
    if (onPresent !== null) writeScalar(onPresent, value, info)
  } else applyMissing(rule, info)
}

export function applyMissing({ onMissing }: Rule, info: StreamInfo): void {
  if (onMissing !== null) write(onMissing, info)
}

export function applyError({ onError }: Rule, info: StreamInfo): void {
  if (onError !== null) write(onError, info)
}

/** The configured value. */
function write(target: Target, info: StreamInfo): void {
  const { constant } = target
  if (isScalar(constant) && target.type !== 'PROTOBUF_VALUE') writeScalar(target, constant, info)
  else set(target, constant, info)
}

function writeScalar(target: Target, value: Scalar, info: StreamInfo): void {
  if (target.type === 'PROTOBUF_VALUE') set(target, typeof value === 'bigint' ? Number(value) : value, info)
  else if (target.type === 'STRING') {
    const text = asText(value)
    if (text !== '') set(target, text, info)
  } else {
    const number = asNumber(value)
    if (!Number.isNaN(number)) set(target, number, info)
  }
}

function set({ namespace, key, preserves }: Target, value: unknown, info: StreamInfo): void {
  const present = info.dynamicMetadata?.get(namespace)
  if (preserves && present !== undefined && Object.hasOwn(present, key)) return
  setDynamicMetadata(info, namespace, { [key]: typeof value === 'string' ? toWireText(value) : value })
}

/** As Envoy prints them. */
function asText(value: Scalar): string {
  if (typeof value === 'boolean') return value ? '1' : '0'
  if (typeof value === 'string') return value
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return String(value)
  return Math.abs(value) < 1e21 ? value.toFixed(6) : `${BigInt(value)}.000000`
}

function asNumber(value: Scalar): number {
  if (typeof value !== 'string') return Number(value)
  return NUMBER.test(value) ? Number(value) : Number.NaN
}
