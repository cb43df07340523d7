// Resources as they come from servers: bytes that are checked by the same rules as a file.
import { type DiscoveredResource, loadResource, messageCodec } from '../config/index.ts'
import { lineOf } from './findings.ts'
import { type AnyBytes, decodeWrapped, ttlMs, type WrappedResource } from './messages.ts'
import { resourceName, typeUrlOf } from './resource-types.ts'

export interface UnknownFields {
  /** A field that the API does not have spoils its resource. */
  readonly reject: boolean
  /** Such a field was passed over. */
  onUnknownField(finding: string): void
}

export interface DecodedResource {
  readonly name: string
  /** Null: a heartbeat, what is known under that name holds on. */
  readonly resource: DiscoveredResource | null
  /** Null: until something else is said. */
  readonly ttlMs: number | null
}

const WRAPPER = typeUrlOf('envoy.service.discovery.v3.Resource')

interface Known {
  readonly name: string
  readonly resource: object
}

/** Decodes the resources of one type. What came before byte for byte is not decoded again: it is the same object. */
export class ResourceDecoder {
  private readonly typeName: string
  private readonly unknownFields: UnknownFields
  private known = new Map<string, Known>()
  private fresh = new Map<string, Known>()

  constructor(typeName: string, unknownFields: UnknownFields) {
    this.typeName = typeName
    this.unknownFields = unknownFields
  }

  /** All of a state-of-the-world response; a text: why it cannot be used. Nothing of it is used then. */
  decodeState(resources: readonly AnyBytes[], version: string): readonly DecodedResource[] | string {
    const decoded: DecodedResource[] = []
    const problems: string[] = []
    this.fresh = new Map()
    for (const any of resources) {
      const one = any.typeUrl === WRAPPER ? this.unwrapped(any.value, version) : this.plain(any, version)
      if (typeof one === 'string') problems.push(one)
      else decoded.push(one)
    }
    if (problems.length > 0) return problems.join('; ')
    this.known = this.fresh
    return decoded
  }

  /** The same for the incremental form. */
  decodeChanges(resources: readonly WrappedResource[]): readonly DecodedResource[] | string {
    const decoded: DecodedResource[] = []
    const problems: string[] = []
    this.fresh = new Map()
    for (const wrapped of resources) {
      const one = this.wrapped(wrapped, wrapped.version)
      if (typeof one === 'string') problems.push(one)
      else decoded.push(one)
    }
    return problems.length > 0 ? problems.join('; ') : decoded
  }

  private unwrapped(bytes: Uint8Array, version: string): DecodedResource | string {
    const wrapped = decodeWrapped(bytes)
    return wrapped === null ? 'a resource is no envoy.service.discovery.v3.Resource' : this.wrapped(wrapped, version)
  }

  private wrapped({ name, version: own, resource, ttl }: WrappedResource, version: string): DecodedResource | string {
    if (resource === undefined) return { name, resource: null, ttlMs: ttlMs(ttl) }
    const one = this.plain(resource, own === '' ? version : own)
    if (typeof one === 'string') return one
    return { ...one, name: name === '' ? one.name : name, ttlMs: ttlMs(ttl) }
  }

  private plain({ typeUrl, value }: AnyBytes, version: string): DecodedResource | string {
    const wanted = typeUrlOf(this.typeName)
    if (typeUrl !== wanted) return `${typeUrl} does not match the message-wide type URL ${wanted}`
    const key = Buffer.from(value.buffer, value.byteOffset, value.byteLength).latin1Slice(0, value.byteLength)
    const known = this.fresh.get(key) ?? this.known.get(key) ?? this.load(value)
    if (typeof known === 'string') return known
    this.fresh.set(key, known)
    const { name, resource } = known
    return { name, resource: { name, resource, version }, ttlMs: null }
  }

  private load(bytes: Uint8Array): Known | string {
    const { reject } = this.unknownFields
    const options = { allowUnknownStaticFields: !reject }
    const { resource, diagnostics } = loadResource(this.typeName, { binary: bytes }, options)
    const lines = (severity: string): readonly string[] =>
      diagnostics.list.filter(finding => finding.severity === severity).map(finding => lineOf(finding))
    if (resource === undefined) return this.named(bytes) + lines('error').join('; ')
    for (const line of lines('warning')) this.unknownFields.onUnknownField(line)
    return { name: resourceName(resource), resource }
  }

  /** The name of a resource that cannot be used, as far as there is one. */
  private named(bytes: Uint8Array): string {
    const name = resourceName(messageCodec(this.typeName).decode(bytes) ?? {})
    return name === '' ? '' : `${name}: `
  }
}
