import type { TlsHandle } from '../../../net/index.ts'

/** Names come from requests where auto_sni is on, so their number is bounded. */
const MAX_NAMES = 1024

/** Sessions of upstream hosts, for resumption; the newest of each name first. */
export class SessionCache {
  private readonly capacity: number
  private readonly byKey = new Map<string, Buffer[]>()

  /** `capacity`: most sessions per key; 0: none are kept. */
  constructor(capacity: number) {
    this.capacity = capacity
  }

  /** Offers a session that was kept for `key`; what the server gives out on this connection goes to `onSession`. */
  resume(handle: TlsHandle, key: string, onSession: (session: Buffer) => void): void {
    if (this.capacity === 0) return
    const session = this.byKey.get(key)?.pop()
    if (session !== undefined) handle.setSession(session)
    handle.onnewsession = (_id, fresh) => onSession(fresh)
    handle.enableSessionCallbacks()
  }

  keep(key: string, session: Buffer): void {
    const sessions = this.byKey.get(key)
    if (sessions === undefined) {
      if (this.byKey.size >= MAX_NAMES) this.byKey.delete(this.byKey.keys().next().value!)
      this.byKey.set(key, [session])
      return
    }
    sessions.push(session)
    if (sessions.length > this.capacity) sessions.shift()
  }
}
