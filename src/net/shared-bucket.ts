import { TokenBucket, type TokenBucketSettings } from '../base/index.ts'
import type { ThreadContext } from './thread.ts'

/** The token bucket of `place`: one for all workers. It is full again when its figures change. */
export function sharedBucket(thread: ThreadContext, place: string, settings: TokenBucketSettings): TokenBucket {
  return new TokenBucket(settings, thread.sharedCells.piece(place, JSON.stringify(settings), 1))
}
