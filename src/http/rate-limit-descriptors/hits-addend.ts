// route.v3.RateLimit.HitsAddend: how much a request counts.
import type { RateLimit_HitsAddendJson as HitsAddendJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, type ConfigPath, int64 } from '../../config/index.ts'
import type { RateLimitSubject } from './descriptor.ts'
import { formatterOf } from './match-actions.ts'

/** The format yields no number: the request has no such descriptor. */
export const NoHits = -1
const LARGEST = 1_000_000_000
const INTEGER = /^\d{1,10}$/

export type HitsAddend = (subject: RateLimitSubject) => number

export function compileHitsAddend(json: HitsAddendJson, context: CompileContext, path: ConfigPath): HitsAddend {
  if (json.format === undefined || json.format === '') {
    const number = int64(json.number ?? 0)
    return () => number
  }
  const formatter = formatterOf(json.format, context, path.field('format'))
  return ({ headers, info }) => {
    const text = formatter?.format({ requestHeaders: headers, responseHeaders: null, responseTrailers: null, info })
    if (text === undefined || !INTEGER.test(text)) return NoHits
    const number = Number(text)
    return number > LARGEST ? NoHits : number
  }
}
