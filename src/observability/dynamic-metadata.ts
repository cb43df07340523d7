// Writing to a stream's dynamic metadata, as Envoy merges it.
import type { StreamInfo } from './stream-info.ts'

export type MetadataStruct = Readonly<Record<string, unknown>>

/** Fields of `struct` replace those of the namespace. */
export function setDynamicMetadata(info: StreamInfo, namespace: string, struct: MetadataStruct): void {
  info.dynamicMetadata ??= new Map()
  const present = info.dynamicMetadata.get(namespace)
  info.dynamicMetadata.set(namespace, present === undefined ? { ...struct } : { ...present, ...struct })
}

const isStruct = (value: unknown): value is MetadataStruct =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Structs are merged field by field, lists are appended; of different kinds the new value stays. */
export function mergeStructs(present: MetadataStruct, added: MetadataStruct): Record<string, unknown> {
  // A map, for there are names that an object takes for something else.
  const merged = new Map(Object.entries(present))
  for (const [key, value] of Object.entries(added)) {
    const old = merged.get(key)
    if (isStruct(old) && isStruct(value)) merged.set(key, mergeStructs(old, value))
    else if (Array.isArray(old) && Array.isArray(value)) merged.set(key, [...old, ...value])
    else merged.set(key, value)
  }
  return Object.fromEntries(merged)
}
