import type { TypedExtensionConfigJson } from '#api/envoy/config/core/v3/extension_pb.ts'
import type { Http1ProtocolOptionsJson, HttpProtocolOptionsJson } from '#api/envoy/config/core/v3/protocol_pb.ts'
import type { PreserveCaseFormatterConfigJson } from '#api/envoy/extensions/http/header_formatters/preserve_case/v3/preserve_case_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  declareSupport,
  typeName,
} from '../config/index.ts'
import type { HeadLimits } from './codec/http1/head-scanner.ts'
import { properCaseWords } from './codec/http1/header-case.ts'
import type { Http1Options, PreserveCase } from './codec/http1/options.ts'

declareSupport('envoy.config.core.v3.Http1ProtocolOptions', {
  supported: [
    'allow_absolute_url',
    'accept_http_10',
    'default_host_for_http_10',
    'header_key_format',
    'enable_trailers',
    'allow_chunked_length',
    'override_stream_error_on_invalid_http_message',
    'send_fully_qualified_url',
    'allow_custom_methods',
    'ignore_http_11_upgrade',
  ],
  accepted: {
    use_balsa_parser: 'there is one HTTP/1 parser here; Envoy chooses between two',
  },
})
declareSupport('envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat', {
  supported: ['proper_case_words', 'stateful_formatter'],
})
declareSupport('envoy.config.core.v3.Http1ProtocolOptions.HeaderKeyFormat.ProperCaseWords', { supported: [] })
declareSupport('envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig', {
  supported: ['forward_reason_phrase', 'formatter_type_on_envoy_headers'],
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
    customMethods: json?.allowCustomMethods ?? false,
    ignoredUpgrades: (json?.ignoreHttp11Upgrade ?? []).map((matcher, i) =>
      compileStringMatcher(matcher, context, path.field('ignore_http_11_upgrade').index(i)),
    ),
    fullyQualifiedUrl: json?.sendFullyQualifiedUrl ?? false,
    ...headerCase(json, context, path.field('header_key_format')),
  })
}

function headerCase(
  json: Http1ProtocolOptionsJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): Pick<Http1Options, 'headerCase' | 'preserveCase'> {
  const format = json?.headerKeyFormat
  if (format?.properCaseWords !== undefined) return { headerCase: properCaseWords, preserveCase: null }
  if (format?.statefulFormatter === undefined) return { headerCase: null, preserveCase: null }
  const type = typeName(format.statefulFormatter.typedConfig ?? {})
  if (type === PRESERVE_CASE) return { headerCase: null, preserveCase: preserveCase(format.statefulFormatter) }
  context.diagnostics.error(path.field('stateful_formatter'), `no header formatter reads ${type}`, {
    expected: PRESERVE_CASE,
    found: type,
  })
  return { headerCase: null, preserveCase: null }
}

function preserveCase({ typedConfig }: TypedExtensionConfigJson): PreserveCase {
  const config = typedConfig as PreserveCaseFormatterConfigJson
  return {
    othersInProperCase: config.formatterTypeOnEnvoyHeaders === 'PROPER_CASE',
    reasonPhrase: config.forwardReasonPhrase === true,
  }
}
