import type { ThreadContext } from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

/** Of each direction. */
const DIRECTION_STATS = statTemplate({
  counters: [
    'compressed',
    'content_length_too_small',
    'not_compressed',
    'total_compressed_bytes',
    'total_uncompressed_bytes',
  ],
})
export const COMPRESSED = DIRECTION_STATS.slot('compressed')
export const TOO_SMALL = DIRECTION_STATS.slot('content_length_too_small')
export const NOT_COMPRESSED = DIRECTION_STATS.slot('not_compressed')
export const COMPRESSED_BYTES = DIRECTION_STATS.slot('total_compressed_bytes')
export const UNCOMPRESSED_BYTES = DIRECTION_STATS.slot('total_uncompressed_bytes')

const HEADER_STATS = statTemplate({
  counters: [
    'header_compressor_overshadowed',
    'header_compressor_used',
    'header_identity',
    'header_not_valid',
    'header_wildcard',
    'no_accept_header',
    'not_compressed_etag',
  ],
})
export const OVERSHADOWED = HEADER_STATS.slot('header_compressor_overshadowed')
export const USED = HEADER_STATS.slot('header_compressor_used')
export const IDENTITY = HEADER_STATS.slot('header_identity')
export const NOT_VALID = HEADER_STATS.slot('header_not_valid')
export const WILDCARD = HEADER_STATS.slot('header_wildcard')
export const NO_ACCEPT_HEADER = HEADER_STATS.slot('no_accept_header')
export const NOT_COMPRESSED_ETAG = HEADER_STATS.slot('not_compressed_etag')

export interface CompressorStats {
  readonly request: StatBlock
  readonly response: StatBlock
  readonly headers: StatBlock
}

export function compressorStats(thread: ThreadContext, prefix: string, namesResponse: boolean): CompressorStats {
  return {
    request: thread.stats.block(`${prefix}request.`, DIRECTION_STATS),
    response: thread.stats.block(namesResponse ? `${prefix}response.` : prefix, DIRECTION_STATS),
    headers: thread.stats.block(prefix, HEADER_STATS),
  }
}
