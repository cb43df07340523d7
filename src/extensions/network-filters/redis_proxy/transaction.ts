import type { Route } from './routes.ts'
import type { RedisClient } from './upstream/redis-client.ts'

/**
 * WATCH or MULTI to EXEC of one client, over connections of its own: one to the host of its keys and one per mirror. When it is
 * over they end behind their last reply, and the next one may begin at once.
 */
export class Transaction {
  /** Between MULTI and its end. */
  active = false
  /** The first key, as it is sent; all others go where it goes. Null: none yet. */
  key: Buffer | null = null
  /** Of the first key. */
  route: Route | null = null
  /** The host has been told of MULTI. */
  begun = false
  /** By mirror, behind the host's own; empty: none has been opened. */
  readonly clients: (RedisClient | null)[] = []

  /** The last command of it has been sent, or there was none. */
  end(): void {
    for (const client of this.clients) client?.endOwn()
    this.reset()
  }

  /** The client has gone: nobody waits for replies. */
  close(): void {
    for (const client of this.clients) client?.close()
    this.reset()
  }

  private reset(): void {
    this.clients.length = 0
    this.active = this.begun = false
    this.key = null
    this.route = null
  }
}
