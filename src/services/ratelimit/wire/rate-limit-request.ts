// HOT FILE (docs/hot-path.md): envoy.service.ratelimit.v3.RateLimitRequest, read by hand: a third of what a general
// decoder takes, and every request is one. (bench: ratelimit)
import { ProtobufReader, VARINT } from './protobuf-reader.ts'

export interface Entry {
  readonly key: string
  readonly value: string
}

/** A limit that the proxy brings along instead of the configured one. */
export interface LimitOverride {
  readonly requestsPerUnit: number
  readonly unit: number
  readonly unitMultiplier: number
}

export interface Descriptor {
  readonly entries: readonly Entry[]
  readonly limit: LimitOverride | null
  /** -1: not set, the request's counts. */
  readonly hitsAddend: number
  /** The hits are given back. */
  readonly negativeHits: boolean
}

export interface RateLimitRequest {
  readonly domain: string
  readonly descriptors: readonly Descriptor[]
  readonly hitsAddend: number
}

const reader = new ProtobufReader()

/** Null: the bytes are no such message. They are not needed afterwards. */
export function decodeRateLimitRequest(bytes: Buffer, start: number, end: number): RateLimitRequest | null {
  reader.open(bytes, start, end)
  let domain = ''
  let hitsAddend = 0
  const descriptors: Descriptor[] = []
  while (reader.next(end)) {
    if (reader.isBytes(1)) domain = reader.text()
    else if (reader.isBytes(2)) descriptors.push(readDescriptor(reader.enter()))
    else if (reader.is(3, VARINT)) hitsAddend = reader.varint()
    else reader.skip()
  }
  return reader.failed ? null : { domain, descriptors, hitsAddend }
}

function readDescriptor(end: number): Descriptor {
  const entries: Entry[] = []
  let limit: LimitOverride | null = null
  let hitsAddend = -1
  let negativeHits = false
  while (reader.next(end)) {
    if (reader.isBytes(1)) entries.push(readEntry(reader.enter()))
    else if (reader.isBytes(2)) limit = readOverride(reader.enter())
    else if (reader.isBytes(3)) hitsAddend = readWrapped(reader.enter())
    else if (reader.is(4, VARINT)) negativeHits = reader.varint() !== 0
    else reader.skip()
  }
  return { entries, limit, hitsAddend, negativeHits }
}

function readEntry(end: number): Entry {
  let key = ''
  let value = ''
  while (reader.next(end)) {
    if (reader.isBytes(1)) key = reader.text()
    else if (reader.isBytes(2)) value = reader.text()
    else reader.skip()
  }
  return { key, value }
}

function readOverride(end: number): LimitOverride {
  let requestsPerUnit = 0
  let unit = 0
  let unitMultiplier = 1
  while (reader.next(end)) {
    if (reader.is(1, VARINT)) requestsPerUnit = reader.varint()
    else if (reader.is(2, VARINT)) unit = reader.varint()
    else if (reader.isBytes(3)) unitMultiplier = Math.max(1, readWrapped(reader.enter()))
    else reader.skip()
  }
  return { requestsPerUnit, unit, unitMultiplier }
}

/** google.protobuf.UInt64Value and its like. */
function readWrapped(end: number): number {
  let value = 0
  while (reader.next(end)) {
    if (reader.is(1, VARINT)) value = reader.varint()
    else reader.skip()
  }
  return value
}
