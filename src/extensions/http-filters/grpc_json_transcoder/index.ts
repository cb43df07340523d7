import type { GrpcJsonTranscoderJson } from '#api/envoy/extensions/filters/http/grpc_json_transcoder/v3/transcoder_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  declareSupport,
  durationMs,
  type ExtensionFactory,
} from '../../../config/index.ts'
import { type HttpFilter, type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { registryOf } from './descriptors.ts'
import { buildMethodTable, type MethodTable } from './method-table.ts'
import type { TranscoderSettings } from './settings.ts'
import { TRANSCODER_STATS } from './stats.ts'
import { FixedTable, ReflectedTable } from './table-source.ts'
import { TranscoderFilter, type Transcoding } from './transcoder.ts'

const API = 'envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder'
const NAME = 'envoy.filters.http.grpc_json_transcoder'
const DEFAULT_REFRESH_MS = 300_000

declareSupport(API, {
  supported: [
    'proto_descriptor',
    'proto_descriptor_bin',
    'reflection',
    'services',
    'print_options',
    'match_incoming_request_route',
    'ignored_query_parameters',
    'auto_mapping',
    'ignore_unknown_query_parameters',
    'convert_grpc_status',
    'url_unescape_spec',
    'request_validation_options',
    'query_param_unescape_plus',
    'match_unregistered_custom_verb',
    'case_insensitive_enum_parsing',
    'max_request_body_size',
    'max_response_body_size',
    'capture_unknown_query_parameters',
  ],
})
declareSupport(`${API}.Reflection`, { supported: ['cluster', 'refresh_interval'] })
declareSupport(`${API}.PrintOptions`, {
  supported: [
    'add_whitespace',
    'always_print_primitive_fields',
    'always_print_enums_as_ints',
    'preserve_proto_field_names',
    'stream_newline_delimited',
    'stream_sse_style_delimited',
  ],
})
declareSupport(`${API}.RequestValidationOptions`, {
  supported: ['reject_unknown_method', 'reject_unknown_query_parameters', 'reject_binding_body_field_collisions'],
})

function compileSettings(json: GrpcJsonTranscoderJson): TranscoderSettings {
  const print = json.printOptions
  const validation = json.requestValidationOptions
  return Object.freeze({
    services: json.services ?? [],
    autoMapping: json.autoMapping ?? false,
    unescape: json.urlUnescapeSpec ?? 'ALL_CHARACTERS_EXCEPT_RESERVED',
    anyVerb: json.matchUnregisteredCustomVerb ?? false,
    matchesIncomingRoute: json.matchIncomingRequestRoute ?? false,
    ignoredParameters: new Set(json.ignoredQueryParameters ?? []),
    ignoresUnknownParameters: json.ignoreUnknownQueryParameters ?? false,
    capturesUnknownParameters: json.captureUnknownQueryParameters ?? false,
    plusIsBlank: json.queryParamUnescapePlus ?? false,
    caseInsensitiveEnums: json.caseInsensitiveEnumParsing ?? false,
    convertsStatus: json.convertGrpcStatus ?? false,
    rejectsUnknownMethods: validation?.rejectUnknownMethod ?? false,
    rejectsUnknownParameters: validation?.rejectUnknownQueryParameters ?? false,
    rejectsCollisions: validation?.rejectBindingBodyFieldCollisions ?? false,
    maxRequestBytes: json.maxRequestBodySize ?? -1,
    maxResponseBytes: json.maxResponseBodySize ?? -1,
    whitespace: print?.addWhitespace ?? false,
    alwaysPrintsPrimitives: print?.alwaysPrintPrimitiveFields ?? false,
    enumsAsNumbers: print?.alwaysPrintEnumsAsInts ?? false,
    protoNames: print?.preserveProtoFieldNames ?? false,
    streamStyle:
      print?.streamNewlineDelimited === true ? 'lines' : print?.streamSseStyleDelimited === true ? 'events' : 'array',
  })
}

function compileTable(
  json: GrpcJsonTranscoderJson,
  settings: TranscoderSettings,
  context: CompileContext,
  path: ConfigPath,
): MethodTable | null {
  if (settings.services.length === 0) return null
  const inline = json.protoDescriptorBin !== undefined
  const at = path.field(inline ? 'proto_descriptor_bin' : 'proto_descriptor')
  try {
    const bytes = inline
      ? Buffer.from(json.protoDescriptorBin as string, 'base64')
      : context.readFile(json.protoDescriptor ?? '')
    return buildMethodTable(registryOf(bytes), settings, problem => {
      context.diagnostics.error(path.field('services'), problem)
    })
  } catch (error) {
    context.diagnostics.error(at, `no set of descriptors: ${error instanceof Error ? error.message : String(error)}`, {
      expected: 'a google.protobuf.FileDescriptorSet with all imports: protoc --include_imports --descriptor_set_out',
    })
    return null
  }
}

function compileTranscoding(config: object, context: CompileContext, path: ConfigPath): Transcoding {
  const json = config as GrpcJsonTranscoderJson
  const settings = compileSettings(json)
  const { reflection } = json
  if (reflection === undefined) return { settings, source: new FixedTable(compileTable(json, settings, context, path)) }
  const cluster = reflection.cluster ?? ''
  if (!context.hasCluster(cluster)) {
    context.diagnostics.error(path.field('reflection').field('cluster'), `unknown cluster ${cluster}`)
  }
  const refreshMs = durationMs(reflection.refreshInterval, DEFAULT_REFRESH_MS)
  return { settings, source: new ReflectedTable({ cluster, refreshMs }, settings) }
}

class TranscoderPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly transcoding: Transcoding
  private stats!: StatBlock

  constructor(transcoding: Transcoding) {
    this.transcoding = transcoding
  }

  start(thread: ThreadContext, statPrefix: string): void {
    this.stats = thread.stats.block(statPrefix, TRANSCODER_STATS)
    this.transcoding.source.demand(thread)
  }

  create(): HttpFilter {
    return new TranscoderFilter(this.transcoding, this.stats)
  }
}

/** envoy.filters.http.grpc_json_transcoder */
export const grpcJsonTranscoderFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [API],
  compile: (config, context, path) => new TranscoderPlan(compileTranscoding(config, context, path)),
}

/** The same message on a route takes the place of the filter's own. */
export const grpcJsonTranscoderPerRouteFactory: ExtensionFactory<Transcoding> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [API],
  compile: compileTranscoding,
}
