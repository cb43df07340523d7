import type { Field, FieldValue } from '../format-context.ts'
import type { StreamInfo } from '../stream-info.ts'

/** Whole ms of us, null for what was not reached. */
export const wholeMs = (us: number): FieldValue => (us < 0 ? null : Math.floor(us / 1000))

const never = (): number => Number.NaN
const reached = (us: number): number => (us < 0 ? Number.NaN : us)
/** Connections are older than their streams. */
const at = (ms: number | undefined, { startMs }: StreamInfo): number =>
  ms === undefined || ms < 0 ? Number.NaN : Math.round((ms - startMs) * 1000)

/** In us since the start of the stream; NaN until reached. */
const TIME_POINTS: Readonly<Record<string, (info: StreamInfo) => number>> = {
  DS_CX_BEG: info => at(info.connection.startMs, info),
  DS_CX_END: never,
  DS_RX_BEG: () => 0,
  DS_RX_END: info => reached(info.lastDownstreamRxByteUs),
  US_CX_BEG: info =>
    info.upstreamConnection === null
      ? reached(info.upstreamConnectStartUs)
      : at(info.upstreamConnection.connectStartMs, info),
  US_CX_END: info =>
    info.upstreamConnection === null
      ? reached(info.upstreamConnectEndUs)
      : at(info.upstreamConnection.connectedMs, info),
  US_HS_END: never,
  US_TX_BEG: info => reached(info.firstUpstreamTxByteUs),
  US_TX_END: info => reached(info.lastUpstreamTxByteUs),
  US_RX_BEG: info => reached(info.firstUpstreamRxByteUs),
  US_RX_BODY_BEG: info => reached(info.firstUpstreamRxBodyByteUs),
  US_RX_END: info => reached(info.lastUpstreamRxByteUs),
  DS_TX_BEG: info => reached(info.firstDownstreamTxByteUs),
  DS_TX_END: info => reached(info.lastDownstreamTxByteUs),
}

const UNITS: Readonly<Record<string, number>> = { ms: 1000, us: 1, ns: 0.001 }

/** `COMMON_DURATION(FROM:TO[:ms|us|ns])`; null when either was not reached or they lie the other way round. */
export function commonDurationField(argument: string): Field | undefined {
  const [from = '', to = '', unit = 'ms', more] = argument.split(':')
  const divisor = UNITS[unit]
  const start = TIME_POINTS[from]
  const end = TIME_POINTS[to]
  if (start === undefined || end === undefined || divisor === undefined || more !== undefined) return undefined
  return ({ info }) => {
    const a = start(info)
    const b = end(info)
    return b >= a ? Math.floor((b - a) / divisor) : null
  }
}
