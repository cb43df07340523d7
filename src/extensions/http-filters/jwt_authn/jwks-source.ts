import type { UpstreamThread } from '../../../upstream/index.ts'
import type { Jwks } from './jwks.ts'
import type { JwksStats } from './remote-jwks.ts'

export interface JwksWaiter {
  /** Null: there are no keys to be had. */
  onJwks(jwks: Jwks | null): void
}

export interface JwksSource {
  start(thread: UpstreamThread, stats: JwksStats): void
  /** Null: ask again never, or wait for `onJwks` if `isWaiting`. */
  get(waiter: JwksWaiter): Jwks | null
  readonly isWaiting: boolean
  forget(waiter: JwksWaiter): void
}

/** Keys of the configuration itself. */
export class LocalJwks implements JwksSource {
  readonly isWaiting = false
  private readonly jwks: Jwks | null

  constructor(jwks: Jwks | null) {
    this.jwks = jwks
  }

  start(): void {}

  get(): Jwks | null {
    return this.jwks
  }

  forget(): void {}
}
