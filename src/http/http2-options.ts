import type { Http2ProtocolOptionsJson, KeepaliveSettingsJson } from '#api/envoy/config/core/v3/protocol_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs } from '../config/index.ts'
import type { HeadLimits } from './codec/http1/head-scanner.ts'
import {
  DEFAULT_MAX_FRAME_BYTES,
  SettingEnableConnectProtocol,
  SettingEnablePush,
  SettingHeaderTableSize,
  SettingInitialWindowSize,
  SettingMaxConcurrentStreams,
  SettingMaxFrameSize,
} from './codec/http2/constants.ts'
import {
  type CustomSetting,
  DEFAULT_HTTP2_OPTIONS,
  type Http2Options,
  type KeepaliveOptions,
} from './codec/http2/options.ts'

declareSupport('envoy.config.core.v3.Http2ProtocolOptions', {
  supported: [
    'hpack_table_size',
    'max_concurrent_streams',
    'initial_stream_window_size',
    'initial_connection_window_size',
    'allow_connect',
    'max_outbound_frames',
    'max_outbound_control_frames',
    'max_consecutive_inbound_frames_with_empty_payload',
    'max_inbound_priority_frames_per_stream',
    'max_inbound_window_update_frames_per_data_frame_sent',
    'stream_error_on_invalid_http_messaging',
    'override_stream_error_on_invalid_http_message',
    'custom_settings_parameters',
    'connection_keepalive',
    'enable_huffman_encoding',
    'max_header_field_size_kb',
    'disallow_obs_text',
    'stream_reset_burst',
    'stream_reset_rate',
  ],
  refused: { allow_metadata: 'METADATA frames are no part of HTTP/2 and end at this hop' },
  accepted: {
    use_oghttp2_codec: 'there is one HTTP/2 codec here; Envoy chooses between two',
    max_metadata_size: 'METADATA frames are skipped, not stored',
  },
})
declareSupport('envoy.config.core.v3.Http2ProtocolOptions.SettingsParameter', { supported: ['identifier', 'value'] })
declareSupport('envoy.config.core.v3.KeepaliveSettings', {
  supported: ['interval', 'timeout', 'interval_jitter', 'connection_idle_interval'],
})

const DEFAULT_JITTER_PERCENT = 15
const MAX_FRAME_LIMIT = 16777215

/** Parameters that have a field of their own, or that a server must not say. */
const OWN_FIELDS: ReadonlyMap<number, string> = new Map([
  [SettingHeaderTableSize, 'hpack_table_size'],
  [SettingMaxConcurrentStreams, 'max_concurrent_streams'],
  [SettingInitialWindowSize, 'initial_stream_window_size'],
  [SettingEnableConnectProtocol, 'allow_connect'],
])

/** Compiles envoy.config.core.v3.Http2ProtocolOptions for either side of a codec. */
export function compileHttp2Options(
  json: Http2ProtocolOptionsJson | undefined,
  limits: HeadLimits,
  context: CompileContext,
  path: ConfigPath,
): Http2Options {
  const fallback = DEFAULT_HTTP2_OPTIONS
  return Object.freeze({
    limits,
    hpackTableBytes: json?.hpackTableSize ?? fallback.hpackTableBytes,
    maxConcurrentStreams: json?.maxConcurrentStreams ?? fallback.maxConcurrentStreams,
    initialStreamWindowBytes: json?.initialStreamWindowSize ?? fallback.initialStreamWindowBytes,
    initialConnectionWindowBytes: json?.initialConnectionWindowSize ?? fallback.initialConnectionWindowBytes,
    maxOutboundFrames: json?.maxOutboundFrames ?? fallback.maxOutboundFrames,
    maxOutboundControlFrames: json?.maxOutboundControlFrames ?? fallback.maxOutboundControlFrames,
    maxConsecutiveEmptyFrames: json?.maxConsecutiveInboundFramesWithEmptyPayload ?? fallback.maxConsecutiveEmptyFrames,
    maxPriorityFramesPerStream: json?.maxInboundPriorityFramesPerStream ?? fallback.maxPriorityFramesPerStream,
    maxWindowUpdatesPerDataFrame:
      json?.maxInboundWindowUpdateFramesPerDataFrameSent ?? fallback.maxWindowUpdatesPerDataFrame,
    streamErrorOnInvalidMessage:
      json?.overrideStreamErrorOnInvalidHttpMessage ?? json?.streamErrorOnInvalidHttpMessaging ?? false,
    allowConnect: json?.allowConnect ?? false,
    disallowObsText: json?.disallowObsText ?? false,
    huffman: json?.enableHuffmanEncoding ?? fallback.huffman,
    maxFieldBytes: json?.maxHeaderFieldSizeKb === undefined ? fallback.maxFieldBytes : json.maxHeaderFieldSizeKb * 1024,
    streamResetBurst: Number(json?.streamResetBurst ?? fallback.streamResetBurst),
    streamResetRate: Number(json?.streamResetRate ?? fallback.streamResetRate),
    customSettings: customSettings(json, context, path.field('custom_settings_parameters')),
    keepalive: keepalive(json?.connectionKeepalive),
    streamFlushTimeoutMs: fallback.streamFlushTimeoutMs,
  })
}

function keepalive(json: KeepaliveSettingsJson | undefined): KeepaliveOptions | null {
  if (json === undefined) return null
  return {
    intervalMs: durationMs(json.interval, 0),
    timeoutMs: durationMs(json.timeout, 0),
    jitterPercent: Number(json.intervalJitter?.value ?? DEFAULT_JITTER_PERCENT),
    idleIntervalMs: durationMs(json.connectionIdleInterval, 0),
  }
}

function customSettings(
  json: Http2ProtocolOptionsJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): readonly CustomSetting[] {
  const seen = new Set<number>()
  return (json?.customSettingsParameters ?? []).flatMap((parameter, i) => {
    const id = parameter.identifier ?? 0
    const value = parameter.value ?? 0
    const at = path.index(i)
    const field = OWN_FIELDS.get(id)
    if (field !== undefined) {
      context.diagnostics.error(at.field('identifier'), `parameter ${id} is set by ${field}`, { expected: field })
    } else if (id === SettingEnablePush && value !== 0) {
      context.diagnostics.error(at.field('value'), 'server push is not supported', { expected: '0' })
    } else if (id === SettingMaxFrameSize && (value < DEFAULT_MAX_FRAME_BYTES || value > MAX_FRAME_LIMIT)) {
      const expected = `${DEFAULT_MAX_FRAME_BYTES} to ${MAX_FRAME_LIMIT}`
      context.diagnostics.error(at.field('value'), 'no valid SETTINGS_MAX_FRAME_SIZE', { expected })
    } else if (seen.has(id)) context.diagnostics.error(at.field('identifier'), `parameter ${id} is given twice`)
    // Said anyway, and a server must not say it.
    else if (id !== SettingEnablePush) {
      seen.add(id)
      return [{ id, value }]
    }
    return []
  })
}
