// type.metadata.v3.MetadataKey: a namespace and a path into it.
import type { MetadataKeyJson } from '#api/envoy/type/metadata/v3/metadata_pb.ts'

/** namespace -> fields, as dynamic metadata (a Map) and configured metadata (an object) hold them. */
export type Metadata =
  | ReadonlyMap<string, Readonly<Record<string, unknown>>>
  | Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** The value at the end of the path; undefined where it breaks off. */
export function metadataReader(json: MetadataKeyJson): (metadata: Metadata | null) => unknown {
  const namespace = json.key ?? ''
  const steps = (json.path ?? []).map(segment => segment.index ?? segment.key ?? '')
  return metadata => {
    if (metadata === null) return undefined
    let value: unknown = metadata instanceof Map ? metadata.get(namespace) : own(metadata, namespace)
    for (const step of steps) value = own(value, step)
    return value
  }
}

function own(value: unknown, step: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
  return (value as Record<string | number, unknown>)[step]
}
