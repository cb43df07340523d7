import type { Field, FieldValue } from '../format-context.ts'
import type { StreamInfo } from '../stream-info.ts'

/** Whole ms of us, null for what was not reached. */
export const wholeMs = (us: number): FieldValue => (us < 0 ? null : Math.floor(us / 1000))

const notMeasured = (): number => -1

/** In us since the start of the stream, -1 until reached. */
const TIME_POINTS: Readonly<Record<string, (info: StreamInfo) => number>> = {
  DS_CX_BEG: notMeasured,
  DS_CX_END: notMeasured,
  DS_RX_BEG: () => 0,
  DS_RX_END: info => info.lastDownstreamRxByteUs,
  US_CX_BEG: info => info.upstreamConnectStartUs,
  US_CX_END: info => info.upstreamConnectEndUs,
  US_HS_END: notMeasured,
  US_TX_BEG: info => info.firstUpstreamTxByteUs,
  US_TX_END: info => info.lastUpstreamTxByteUs,
  US_RX_BEG: info => info.firstUpstreamRxByteUs,
  US_RX_BODY_BEG: info => info.firstUpstreamRxBodyByteUs,
  US_RX_END: info => info.lastUpstreamRxByteUs,
  DS_TX_BEG: info => info.firstDownstreamTxByteUs,
  DS_TX_END: info => info.lastDownstreamTxByteUs,
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
    return a < 0 || b < a ? null : Math.floor((b - a) / divisor)
  }
}
