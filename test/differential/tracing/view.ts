// What one request left behind as text, ids aside: they are named by their order of appearance.
import type { RawRequest } from '../../harness/index.ts'

/** What requests bring themselves stays. */
const GIVEN = /^0*(?:abc|def|aaa)$|0af7651916cd43dd|b7ad6b7169203331|8448eb211c80319c/
const TOLD = /^(?:x-b3-|b3$|trace|x-request-id$|x-client-trace-id$|x-envoy-decorator-operation$)/
const ID = /[0-9a-f]{32}|[0-9a-f]{16}/g

export class TraceView {
  private readonly names = new Map<string, string>()
  private readonly peers: ReadonlyMap<string, string>

  /** `peers`: names by port. */
  constructor(peers: ReadonlyMap<string, string>) {
    this.peers = peers
  }

  told({ headers }: RawRequest): string {
    const fields = headers
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => TOLD.test(name))
      .map(([name, value]) => `${name}: ${name === 'x-request-id' ? digit(value) : this.ids(value)}`)
    return `< ${fields.sort().join(', ')}`
  }

  tags(tags: Readonly<Record<string, string>>): readonly string[] {
    return Object.keys(tags)
      .sort()
      .map(name => `    ${name}: ${this.tag(name, tags[name]!)}`)
  }

  private tag(name: string, value: string): string {
    if (name === 'guid:x-request-id') return digit(value)
    for (const [port, peer] of this.peers) if (value === `127.0.0.1:${port}`) return peer
    return value
  }

  ids(text: string): string {
    return text.replace(ID, id => this.id(id))
  }

  private id(id: string): string {
    if (GIVEN.test(id)) return id
    const low = id.slice(-16)
    let name = this.names.get(low)
    if (name === undefined) {
      name = `#${this.names.size}`
      this.names.set(low, name)
    }
    return id.length === 16 ? name : /^0+$/.test(id.slice(0, 16)) ? `0${name}` : `long${name}`
  }
}

const digit = (id: string): string => `digit ${id[14]}`
