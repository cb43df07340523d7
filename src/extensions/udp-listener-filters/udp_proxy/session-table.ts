// HOT FILE (docs/hot-path.md): sessions by the client's address. Node gives that as a fresh string and a number per datagram,
// so a session is found by a hash of both. The hash has a secret: clients choose their addresses.
import type { Host } from '../../../upstream/index.ts'

export interface TableEntry {
  readonly hash: number
  readonly peerHost: string
  readonly peerPort: number
  readonly upstreamHost: Host | null
  /** The next one of the same hash. */
  nextInTable: TableEntry | null
}

export class SessionTable<Session extends TableEntry> {
  private readonly first = new Map<number, Session>()
  private readonly secret: number

  constructor(random: () => number) {
    this.secret = Math.floor(random() * 0x1_0000_0000)
  }

  hashOf(host: string, port: number): number {
    let hash = this.secret ^ port
    for (let i = 0; i < host.length; i++) {
      hash = Math.imul(hash ^ host.charCodeAt(i), 0x9e3779b1)
      hash ^= hash >>> 15
    }
    // Small integers stay unboxed.
    return hash & 0x3fffffff
  }

  /** `upstreamHost`: one with this host; null: with any. */
  find(hash: number, host: string, port: number, upstreamHost: Host | null): Session | null {
    let entry: TableEntry | null = this.first.get(hash) ?? null
    while (entry !== null) {
      if (
        entry.peerPort === port &&
        entry.peerHost === host &&
        (upstreamHost === null || entry.upstreamHost === upstreamHost)
      ) {
        return entry as Session
      }
      entry = entry.nextInTable
    }
    return null
  }

  add(session: Session): void {
    session.nextInTable = this.first.get(session.hash) ?? null
    this.first.set(session.hash, session)
  }

  delete(session: Session): void {
    const head = this.first.get(session.hash)
    const next = session.nextInTable as Session | null
    if (head === session) {
      if (next === null) this.first.delete(session.hash)
      else this.first.set(session.hash, next)
      return
    }
    let entry: TableEntry | null = head ?? null
    while (entry !== null && entry.nextInTable !== session) entry = entry.nextInTable
    if (entry !== null) entry.nextInTable = next
  }

  /** All sessions as of now. */
  all(): Session[] {
    const found: Session[] = []
    for (const head of this.first.values()) {
      for (let entry: TableEntry | null = head; entry !== null; entry = entry.nextInTable) found.push(entry as Session)
    }
    return found
  }
}
