// The Compressor message, compiled: what is compressed in each direction.
import type {
  CompressorJson,
  CompressorPerRouteJson,
} from '#api/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  declareSupport,
  type StringPredicate,
} from '../../../config/index.ts'
import type { BodyCodec } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'

const API = 'envoy.extensions.filters.http.compressor.v3'
const OLD = 'moved by Envoy into response_direction_config'

declareSupport(`${API}.Compressor`, {
  supported: ['compressor_library', 'request_direction_config', 'response_direction_config', 'choose_first'],
  refused: {
    content_length: `${OLD}.common_config.min_content_length`,
    content_type: `${OLD}.common_config.content_type`,
    disable_on_etag_header: `${OLD}.disable_on_etag_header`,
    remove_accept_encoding_header: `${OLD}.remove_accept_encoding_header`,
    runtime_enabled: `${OLD}.common_config.enabled`,
  },
})
declareSupport(`${API}.Compressor.CommonDirectionConfig`, {
  supported: ['enabled', 'min_content_length', 'content_type', 'content_type_matcher'],
})
declareSupport(`${API}.Compressor.RequestDirectionConfig`, { supported: ['common_config'] })
declareSupport(`${API}.Compressor.ResponseDirectionConfig`, {
  supported: [
    'common_config',
    'disable_on_etag_header',
    'remove_accept_encoding_header',
    'uncompressible_response_codes',
    'status_header_enabled',
    'weaken_etag_on_compress',
  ],
})
declareSupport(`${API}.CompressorPerRoute`, { supported: ['disabled', 'overrides'] })
declareSupport(`${API}.CompressorOverrides`, { supported: ['response_direction_config', 'compressor_library'] })
declareSupport(`${API}.ResponseDirectionOverrides`, { supported: ['remove_accept_encoding_header'] })

const DEFAULT_MIN_CONTENT_LENGTH = 30
const DEFAULT_CONTENT_TYPES = [
  'text/html',
  'text/plain',
  'text/css',
  'application/javascript',
  'application/x-javascript',
  'text/javascript',
  'text/x-javascript',
  'text/ecmascript',
  'text/js',
  'text/jscript',
  'text/x-js',
  'application/ecmascript',
  'application/x-json',
  'application/xml',
  'application/json',
  'image/svg+xml',
  'text/xml',
  'application/xhtml+xml',
]

type CommonJson = NonNullable<NonNullable<CompressorJson['responseDirectionConfig']>['commonConfig']>

export class DirectionSettings {
  readonly minContentLength: number
  private readonly types: ReadonlySet<string>
  private readonly matchers: readonly StringPredicate[]
  private readonly enabledByDefault: boolean
  private readonly enabledKey: string

  constructor(json: CommonJson, enabledByDefault: boolean, context: CompileContext, path: ConfigPath) {
    const listed = json.contentType ?? []
    const at = path.field('content_type_matcher')
    this.matchers = (json.contentTypeMatcher ?? []).map((matcher, i) =>
      compileStringMatcher(matcher, context, at.index(i)),
    )
    const types = listed.length > 0 || this.matchers.length > 0 ? listed : DEFAULT_CONTENT_TYPES
    this.types = new Set(types.map(type => type.toLowerCase()))
    this.minContentLength = json.minContentLength || DEFAULT_MIN_CONTENT_LENGTH
    this.enabledByDefault = json.enabled === undefined ? enabledByDefault : (json.enabled.defaultValue ?? true)
    this.enabledKey = json.enabled?.runtimeKey ?? ''
    Object.freeze(this)
  }

  enabled(thread: ThreadContext): boolean {
    if (this.enabledKey === '') return this.enabledByDefault
    return thread.runtime.snapshot.getBoolean(this.enabledKey, this.enabledByDefault)
  }

  /** A message that does not say what it is passes. */
  allowsType(contentType: string | undefined): boolean {
    if (contentType === undefined) return true
    const semicolon = contentType.indexOf(';')
    const type = (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase()
    return this.types.has(type) || this.matchers.some(matches => matches(type))
  }
}

export interface CompressorSettings {
  readonly codec: BodyCodec
  readonly libraryName: string
  readonly request: DirectionSettings
  readonly response: DirectionSettings
  /** Stats of responses have `response.` in their names. */
  readonly namesResponseStats: boolean
  readonly disableOnEtag: boolean
  readonly weakenEtag: boolean
  readonly tellsStatus: boolean
  readonly removeAcceptEncoding: boolean
  readonly uncompressibleCodes: ReadonlySet<number>
  readonly chooseFirst: boolean
}

/** What a route says otherwise. */
export interface CompressorOverride {
  /** Null: as the filter says. */
  readonly responseEnabled: boolean | null
  readonly removeAcceptEncoding: boolean | null
  readonly codec: BodyCodec | null
}

const findLibrary = (
  library: CompressorJson['compressorLibrary'],
  context: CompileContext,
  path: ConfigPath,
): BodyCodec | null => {
  const config = (library ?? {}) as { name?: string; typedConfig?: { readonly '@type'?: string } }
  const factory = context.extensions.find('envoy.compression.compressor', config, context, path)
  if (factory === undefined) return null
  return factory.compile(config.typedConfig as object, context, path.field('typed_config')) as BodyCodec
}

/** Undefined after a diagnostic. */
export function compileCompressor(
  json: CompressorJson,
  context: CompileContext,
  path: ConfigPath,
): CompressorSettings | undefined {
  const codec = findLibrary(json.compressorLibrary, context, path.field('compressor_library'))
  if (codec === null) return undefined
  const { requestDirectionConfig: request, responseDirectionConfig: response } = json
  return Object.freeze({
    codec,
    libraryName: json.compressorLibrary?.name ?? '',
    request: new DirectionSettings(
      request?.commonConfig ?? {},
      request !== undefined,
      context,
      path.field('request_direction_config').field('common_config'),
    ),
    response: new DirectionSettings(
      response?.commonConfig ?? {},
      true,
      context,
      path.field('response_direction_config').field('common_config'),
    ),
    namesResponseStats: response !== undefined,
    disableOnEtag: response?.disableOnEtagHeader === true,
    tellsStatus: response?.statusHeaderEnabled === true,
    weakenEtag: response?.weakenEtagOnCompress === true,
    removeAcceptEncoding: response?.removeAcceptEncodingHeader === true,
    uncompressibleCodes: new Set(response?.uncompressibleResponseCodes ?? []),
    chooseFirst: json.chooseFirst === true,
  })
}

export function compileOverride(
  { disabled, overrides }: CompressorPerRouteJson,
  context: CompileContext,
  path: ConfigPath,
): CompressorOverride {
  if (disabled === true) return { responseEnabled: false, removeAcceptEncoding: null, codec: null }
  const response = overrides?.responseDirectionConfig
  const at = path.field('overrides').field('compressor_library')
  return {
    responseEnabled: response === undefined ? null : true,
    removeAcceptEncoding: response?.removeAcceptEncodingHeader ?? null,
    codec: overrides?.compressorLibrary === undefined ? null : findLibrary(overrides.compressorLibrary, context, at),
  }
}
