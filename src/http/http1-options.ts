import type { Http1ProtocolOptionsJson, HttpProtocolOptionsJson } from '#api/envoy/config/core/v3/protocol_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, typeName } from '../config/index.ts'
import type { HeadLimits } from './codec/http1/head-scanner.ts'
import { properCaseWords } from './codec/http1/header-case.ts'
import type { HeaderCase, Http1Options } from './codec/http1/options.ts'

declareSupport('envoy.config.core.v3.Http1ProtocolOptions', {
  supported: [
    'allow_absolute_url',
    'accept_http_10',
    'default_host_for_http_10',
    'header_key_format',
    'enable_trailers',
    'allow_chunked_length',
    'override_stream_error_on_invalid_http_message',
  ],
  refused: {
    send_fully_qualified_url:
      'requests go out in origin-form only; a forward proxy in front of another is not supported',
    allow_custom_methods: 'only the registered methods that Envoy knows by default are accepted',
  },
  accepted: {
    use_balsa_parser: 'there is one HTTP/1 parser here; Envoy chooses between two',
    ignore_http_11_upgrade: 'upgrades that the configuration does not allow are answered with 403',
  },
})
declareSupport('envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat', {
  supported: ['proper_case_words', 'stateful_formatter'],
})
declareSupport('envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat.ProperCaseWords', { supported: [] })
declareSupport('envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig', {
  supported: [],
  refused: {
    forward_reason_phrase: 'reason phrases are always the standard ones',
    formatter_type_on_envoy_headers: 'headers made by the proxy are written in lower case',
  },
})
declareSupport('envoy.config.core.v3.HttpProtocolOptions', {
  supported: [
    'idle_timeout',
    'max_connection_duration',
    'max_headers_count',
    'max_response_headers_kb',
    'max_stream_duration',
    'headers_with_underscores_action',
    'max_requests_per_connection',
    'max_connection_duration_jitter',
  ],
})

const PRESERVE_CASE = 'envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig'
const DEFAULT_MAX_HEADERS = 100

/** Limits of a head: `maxKb` in KiB, the count from common_http_protocol_options (100 by default). */
export function headLimits(common: HttpProtocolOptionsJson | undefined, maxKb: number): HeadLimits {
  return {
    maxBytes: maxKb * 1024,
    maxCount: common?.maxHeadersCount ?? DEFAULT_MAX_HEADERS,
    underscores: common?.headersWithUnderscoresAction ?? 'ALLOW',
  }
}

/** Compiles envoy.config.core.v3.Http1ProtocolOptions for either side of a codec. */
export function compileHttp1Options(
  json: Http1ProtocolOptionsJson | undefined,
  limits: HeadLimits,
  context: CompileContext,
  path: ConfigPath,
  refuseHttpsInPlaintext = false,
): Http1Options {
  return Object.freeze({
    limits,
    acceptHttp10: json?.acceptHttp10 ?? false,
    defaultHostForHttp10: json?.defaultHostForHttp10 ?? '',
    enableTrailers: json?.enableTrailers ?? false,
    allowChunkedLength: json?.allowChunkedLength ?? false,
    allowAbsoluteUrl: json?.allowAbsoluteUrl ?? true,
    refuseHttpsInPlaintext,
    ...headerCase(json, context, path.field('header_key_format')),
  })
}

function headerCase(
  json: Http1ProtocolOptionsJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): { headerCase: HeaderCase | null; preserveCase: boolean } {
  const format = json?.headerKeyFormat
  if (format?.properCaseWords !== undefined) return { headerCase: properCaseWords, preserveCase: false }
  if (format?.statefulFormatter === undefined) return { headerCase: null, preserveCase: false }
  const type = typeName(format.statefulFormatter.typedConfig ?? {})
  if (type === PRESERVE_CASE) return { headerCase: null, preserveCase: true }
  context.diagnostics.error(path.field('stateful_formatter'), `no header formatter reads ${type}`, {
    expected: PRESERVE_CASE,
    found: type,
  })
  return { headerCase: null, preserveCase: false }
}
