import type { TlsHandle } from '../../../net/index.ts'
import { childrenOf, elementAt } from './der.ts'

/** Names come from requests where auto_sni is on, so their number is bounded. */
const MAX_NAMES = 1024

interface KeptSession {
  readonly bytes: Buffer
  /** Who sees a ticket of TLS 1.3 twice knows that both connections are of one client. (RFC 8446, C.4) */
  readonly once: boolean
}

/** Sessions of upstream hosts, for resumption; the newest of each name first. */
export class SessionCache {
  private readonly capacity: number
  private readonly byKey = new Map<string, KeptSession[]>()

  /** `capacity`: most sessions per key; 0: none are kept. */
  constructor(capacity: number) {
    this.capacity = capacity
  }

  /** Offers a session that was kept for `key`; what the server gives out on this connection goes to `onSession`. */
  resume(handle: TlsHandle, key: string, onSession: (session: Buffer) => void): void {
    if (this.capacity === 0) return
    const sessions = this.byKey.get(key)
    const session = sessions?.at(-1)
    if (session !== undefined) handle.setSession(session.bytes)
    if (session?.once === true) sessions!.pop()
    handle.onnewsession = (_id, fresh) => onSession(fresh)
    handle.enableSessionCallbacks()
  }

  keep(key: string, bytes: Buffer): void {
    const session = { bytes, once: isOfTls13(bytes) }
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

/** A session as OpenSSL writes it begins with the number of that form and the version of the protocol. */
function isOfTls13(session: Buffer): boolean {
  const outer = elementAt(session, 0)
  const version = outer === null ? undefined : childrenOf(outer.content)[1]
  return version?.content.equals(Buffer.of(3, 4)) === true
}
