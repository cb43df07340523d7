// envoy.config.tap.v3.TapConfig: what is recorded, how much of it, and where it goes.
import type { MatchPredicateJson } from '#api/envoy/config/common/matcher/v3/matcher_pb.ts'
import type { OutputSinkJson, TapConfigJson } from '#api/envoy/config/tap/v3/common_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../../config/index.ts'
import { MatchPredicate } from '../../../http/index.ts'
import { type AttachedTap, RuntimeFraction, type ThreadContext } from '../../../net/index.ts'
import { TraceFile } from './file-sink.ts'
import { renderJson } from './render-json.ts'
import { ProtoRenderer } from './render-proto.ts'
import type { SampleRate, Trace } from './trace.ts'

const API = 'envoy.config.tap.v3'
const DEFAULT_BUFFERED_BYTES = 1024

declareSupport(`${API}.TapConfig`, { supported: ['match_config', 'match', 'output_config', 'tap_enabled'] })
declareSupport(`${API}.OutputConfig`, {
  supported: ['sinks', 'max_buffered_rx_bytes', 'max_buffered_tx_bytes', 'streaming'],
  accepted: { min_streamed_sent_bytes: 'only taps of sockets read it' },
})
declareSupport(`${API}.OutputSink`, {
  supported: ['format', 'streaming_admin', 'file_per_tap', 'buffered_admin'],
  values: { format: { PROTO_TEXT: 'protobuf in text form is not written; use JSON_BODY_AS_STRING or PROTO_BINARY' } },
  refused: {
    streaming_grpc: 'Envoy has no such sink either; use the admin interface or file_per_tap',
    custom_sink: 'sinks are not pluggable here; use the admin interface or file_per_tap',
  },
})
declareSupport(`${API}.StreamingAdminSink`, { supported: [] })
declareSupport(`${API}.BufferedAdminSink`, { supported: ['max_traces', 'timeout'] })
declareSupport(`${API}.FilePerTapSink`, { supported: ['path_prefix'] })

/** Takes the records of one exchange. */
export interface TraceSink {
  submit(trace: Trace): void
}

export interface TapPlan {
  readonly match: MatchPredicate
  readonly share: RuntimeFraction | null
  readonly streaming: boolean
  readonly maxRequestBytes: number
  readonly maxResponseBytes: number
  open(traceId: string): TraceSink
}

/** `tap` null: of a static configuration. Undefined after a diagnostic. */
export function compileTapConfig(
  json: TapConfigJson,
  tap: AttachedTap | 'admin' | null,
  context: CompileContext,
  path: ConfigPath,
): TapPlan | undefined {
  const { outputConfig: output = {}, tapEnabled } = json
  const sink = output.sinks?.[0] ?? {}
  if (!checkSink(sink, tap, context, path.field('output_config').field('sinks').index(0))) return undefined
  const predicate = json.match ?? (json.matchConfig as MatchPredicateJson | undefined)
  if (predicate === undefined) {
    context.diagnostics.error(path, 'a tap needs a condition', { expected: 'match, such as any_match: true' })
    return undefined
  }
  const rate = tapEnabled === undefined ? null : sampleRate(tapEnabled.defaultValue)
  return {
    match: new MatchPredicate(predicate, context, path.field(json.match === undefined ? 'match_config' : 'match')),
    share: tapEnabled === undefined ? null : new RuntimeFraction(tapEnabled),
    streaming: output.streaming === true,
    maxRequestBytes: output.maxBufferedRxBytes ?? DEFAULT_BUFFERED_BYTES,
    maxResponseBytes: output.maxBufferedTxBytes ?? DEFAULT_BUFFERED_BYTES,
    open: sinkOf(sink, tap, rate),
  }
}

function checkSink(
  { streamingAdmin, bufferedAdmin, filePerTap, format = 'JSON_BODY_AS_BYTES' }: OutputSinkJson,
  tap: AttachedTap | 'admin' | null,
  context: CompileContext,
  path: ConfigPath,
): boolean {
  const toAdmin = streamingAdmin !== undefined || bufferedAdmin !== undefined
  if (tap === null ? toAdmin || filePerTap === undefined : !toAdmin) {
    context.diagnostics.error(
      path,
      tap === null ? 'a static tap writes files' : 'the admin interface writes no files',
      {
        expected: tap === null ? 'file_per_tap' : 'streaming_admin or buffered_admin',
      },
    )
    return false
  }
  if (toAdmin && format !== 'JSON_BODY_AS_BYTES' && format !== 'JSON_BODY_AS_STRING') {
    context.diagnostics.error(path.field('format'), 'the admin interface prints JSON', {
      expected: 'JSON_BODY_AS_BYTES or JSON_BODY_AS_STRING',
      found: String(format),
    })
    return false
  }
  return true
}

function sampleRate({ numerator = 0, denominator = 'HUNDRED' }: { numerator?: number; denominator?: string } = {}) {
  return { numerator, denominator }
}

function sinkOf(
  { format = 'JSON_BODY_AS_BYTES', filePerTap }: OutputSinkJson,
  tap: AttachedTap | 'admin' | null,
  rate: SampleRate | null,
): (traceId: string) => TraceSink {
  const asText = format === 'JSON_BODY_AS_STRING'
  if (filePerTap === undefined) {
    const submit = (trace: Trace): void => {
      if (tap !== null && tap !== 'admin') tap.submit(renderJson(trace, rate, asText))
    }
    return () => ({ submit })
  }
  const prefix = filePerTap.pathPrefix ?? ''
  if (format === 'JSON_BODY_AS_BYTES' || asText) {
    return traceId => {
      const file = new TraceFile(`${prefix}_${traceId}.json`)
      return { submit: trace => file.append(Buffer.from(renderJson(trace, rate, asText))) }
    }
  }
  const delimited = format === 'PROTO_BINARY_LENGTH_DELIMITED'
  const renderer = new ProtoRenderer(delimited)
  return traceId => {
    const file = new TraceFile(`${prefix}_${traceId}.${delimited ? 'pb_length_delimited' : 'pb'}`)
    return { submit: trace => file.append(renderer.render(trace, rate)) }
  }
}

/** 64 random bits, as decimal digits. */
export function newTraceId(thread: ThreadContext): string {
  const word = () => BigInt(Math.floor(thread.random() * 0x100000000))
  return String((word() << 32n) | word())
}
