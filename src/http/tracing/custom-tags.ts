// type.tracing.v3.CustomTag: tags that the configuration adds to spans and to access log entries.
import type { CustomTagJson } from '#api/envoy/type/tracing/v3/custom_tag_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../config/index.ts'
import { compileTextFormat } from '../../net/index.ts'
import {
  type CustomTag,
  type FormatContext,
  type StreamInfo,
  sortedFields,
  type TagKind,
} from '../../observability/index.ts'
import { type Metadata, metadataReader } from '../rate-limit-descriptors/metadata-key.ts'

const TAG = 'envoy.type.tracing.v3.CustomTag'
const KIND = 'envoy.type.metadata.v3.MetadataKind'

declareSupport(TAG, {
  supported: ['tag', 'literal', 'environment', 'request_header', 'metadata', 'value', 'value_type'],
})
declareSupport(`${TAG}.Literal`, { supported: ['value'] })
declareSupport(`${TAG}.Environment`, { supported: ['name', 'default_value'] })
declareSupport(`${TAG}.Header`, { supported: ['name', 'default_value'] })
declareSupport(`${TAG}.Metadata`, { supported: ['kind', 'metadata_key', 'default_value'] })
declareSupport(KIND, { supported: ['request', 'route', 'cluster', 'host'] })
for (const kind of ['Request', 'Route', 'Cluster', 'Host']) declareSupport(`${KIND}.${kind}`, { supported: [] })

const KINDS: Readonly<Record<NonNullable<CustomTagJson['valueType']>, TagKind>> = {
  UNSPECIFIED: 'text',
  STRING: 'text',
  INT: 'int',
  DOUBLE: 'double',
  BOOL: 'bool',
}

export function compileCustomTags(
  tags: readonly CustomTagJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): readonly CustomTag[] {
  // As Envoy: the first of a name stays.
  const byName = new Map<string, CustomTag>()
  tags?.forEach((tag, i) => {
    const name = toWireText(tag.tag ?? '')
    const value = compileValue(tag, context, path.index(i))
    if (!byName.has(name)) byName.set(name, { name, kind: KINDS[tag.valueType ?? 'UNSPECIFIED'], value })
  })
  return [...byName.values()]
}

/** `over` takes the place of what has the same name. */
export function mergeCustomTags(under: readonly CustomTag[], over: readonly CustomTag[]): readonly CustomTag[] {
  if (over.length === 0) return under
  const names = new Set(over.map(({ name }) => name))
  return [...over, ...under.filter(({ name }) => !names.has(name))]
}

function compileValue(tag: CustomTagJson, context: CompileContext, path: ConfigPath): CustomTag['value'] {
  if (tag.literal !== undefined) return constant(tag.literal.value ?? '')
  if (tag.environment !== undefined) {
    const { name = '', defaultValue = '' } = tag.environment
    return constant(process.env[name] ?? defaultValue)
  }
  if (tag.requestHeader !== undefined) {
    const header = (tag.requestHeader.name ?? '').toLowerCase()
    const missing = toWireText(tag.requestHeader.defaultValue ?? '')
    return ({ requestHeaders }) => requestHeaders?.lookup(header) ?? missing
  }
  if (tag.metadata !== undefined) {
    const source = metadataSource(tag.metadata.kind ?? {})
    const missing = toWireText(tag.metadata.defaultValue ?? '')
    const read = metadataReader(tag.metadata.metadataKey ?? {})
    return ({ info }) => {
      const value = read(source(info)) ?? missing
      return typeof value === 'string' ? value : JSON.stringify(sortedFields(value))
    }
  }
  const formatter = compileTextFormat(tag.value ?? '', context, path.field('value'), '')
  return formatter === undefined ? constant('') : entry => formatter.format(entry)
}

function constant(text: string): (entry: FormatContext) => string {
  const value = toWireText(text)
  return () => value
}

type Source = (info: StreamInfo) => Metadata | null

function metadataSource(kind: object): Source {
  if ('route' in kind) return info => info.routeMetadata as Metadata | null
  if ('cluster' in kind) return info => info.clusterMetadata as Metadata | null
  if ('host' in kind) return info => info.upstreamHostMetadata as Metadata | null
  return info => info.dynamicMetadata
}
