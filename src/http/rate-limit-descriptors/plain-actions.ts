// HOT FILE (docs/hot-path.md): rate limit actions that read one value and hand it on.
import type {
  RateLimit_Action_MaskedRemoteAddressJson as MaskedRemoteAddressJson,
  RateLimit_Action_MetaDataJson as MetaDataJson,
  RateLimit_Action_QueryParametersJson as QueryParametersJson,
  RateLimit_Action_RequestHeadersJson as RequestHeadersJson,
} from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText } from '../../base/index.ts'
import { endpointOf, ipText, maskIp } from '../../net/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { decodedQueryParameter } from '../matchers/query-parameter-matcher.ts'
import type { DescriptorEntry, RateLimitAction, RateLimitSubject } from './descriptor.ts'
import { type Metadata, metadataReader } from './metadata-key.ts'

export class GenericKeyAction implements RateLimitAction {
  private readonly entry: DescriptorEntry

  constructor(key: string, value: string) {
    this.entry = { key: toWireText(key), value: toWireText(value) }
  }

  populate(entries: DescriptorEntry[]): boolean {
    entries.push(this.entry)
    return true
  }
}

export class SourceClusterAction implements RateLimitAction {
  populate(entries: DescriptorEntry[], subject: RateLimitSubject): boolean {
    entries.push({ key: 'source_cluster', value: subject.serviceCluster })
    return true
  }
}

export class DestinationClusterAction implements RateLimitAction {
  populate(entries: DescriptorEntry[], { route, headers }: RateLimitSubject): boolean {
    if (route === null) return false
    const header = route.clusterHeader
    const value = route.clusterName ?? (header === null ? undefined : headers.get(header))
    entries.push({ key: 'destination_cluster', value: value ?? '' })
    return true
  }
}

export class RequestHeadersAction implements RateLimitAction {
  private readonly name: string
  private readonly key: string
  private readonly skipIfAbsent: boolean

  constructor(json: RequestHeadersJson) {
    this.name = (json.headerName ?? '').toLowerCase()
    this.key = toWireText(json.descriptorKey ?? '')
    this.skipIfAbsent = json.skipIfAbsent === true
  }

  populate(entries: DescriptorEntry[], { headers }: RateLimitSubject): boolean {
    const value = headers.lookup(this.name)
    if (value === undefined) return this.skipIfAbsent
    entries.push({ key: this.key, value })
    return true
  }
}

export class QueryParametersAction implements RateLimitAction {
  private readonly name: string
  private readonly key: string
  private readonly skipIfAbsent: boolean

  constructor(json: QueryParametersJson) {
    this.name = toWireText(json.queryParameterName ?? '')
    this.key = toWireText(json.descriptorKey ?? '')
    this.skipIfAbsent = json.skipIfAbsent === true
  }

  populate(entries: DescriptorEntry[], { headers }: RateLimitSubject): boolean {
    const value = decodedQueryParameter(headers.path, this.name)
    if (value === undefined) return this.skipIfAbsent
    entries.push({ key: this.key, value })
    return true
  }
}

/** The client's address as trusted, without its port; none for a pipe. */
export class RemoteAddressAction implements RateLimitAction {
  populate(entries: DescriptorEntry[], { info }: RateLimitSubject): boolean {
    const { ip } = endpointOf(info.remoteAddress ?? info.connection.remoteAddress)
    if (ip === null) return false
    entries.push({ key: 'remote_address', value: ipText(ip) })
    return true
  }
}

export class MaskedRemoteAddressAction implements RateLimitAction {
  private readonly v4Bits: number
  private readonly v6Bits: number

  constructor(json: MaskedRemoteAddressJson) {
    this.v4Bits = json.v4PrefixMaskLen ?? 32
    this.v6Bits = json.v6PrefixMaskLen ?? 128
  }

  populate(entries: DescriptorEntry[], { info }: RateLimitSubject): boolean {
    const { ip } = endpointOf(info.remoteAddress ?? info.connection.remoteAddress)
    if (ip === null) return false
    const bits = ip.length === 2 ? this.v4Bits : this.v6Bits
    entries.push({ key: 'masked_remote_address', value: `${ipText(maskIp(ip, bits))}/${bits}` })
    return true
  }
}

function metadataOf(
  source: MetaDataJson['source'],
  info: StreamInfo,
  route: RateLimitSubject['route'],
): Metadata | null {
  if (source === 'ROUTE_ENTRY') return (route?.metadata ?? null) as Metadata | null
  return source === 'CLUSTER_ENTRY' ? (info.clusterMetadata as Metadata | null) : info.dynamicMetadata
}

/** metadata, and the older dynamic_metadata. Only texts that say something count. */
export class MetadataAction implements RateLimitAction {
  private readonly key: string
  private readonly read: (metadata: Metadata | null) => unknown
  private readonly fallback: string
  private readonly source: MetaDataJson['source']
  private readonly skipIfAbsent: boolean

  constructor(json: MetaDataJson) {
    this.key = toWireText(json.descriptorKey ?? '')
    this.read = metadataReader(json.metadataKey ?? {})
    this.fallback = toWireText(json.defaultValue ?? '')
    this.source = json.source
    this.skipIfAbsent = json.skipIfAbsent === true
  }

  populate(entries: DescriptorEntry[], { info, route }: RateLimitSubject): boolean {
    const found = this.read(metadataOf(this.source, info, route))
    const value = typeof found === 'string' && found !== '' ? toWireText(found) : this.fallback
    if (value === '') return this.skipIfAbsent
    entries.push({ key: this.key, value })
    return true
  }
}
