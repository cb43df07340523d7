// Spans and headers as text, ids and times aside: what one request left behind.
import type { RawRequest } from '../../harness/index.ts'

interface ZipkinSpan {
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly timestamp: number
  readonly duration: number
  readonly kind: string
  readonly name: string
  readonly shared?: boolean
  readonly localEndpoint: { readonly serviceName?: string; readonly ipv4?: string; readonly port?: number }
  readonly annotations: readonly { readonly value: string; readonly timestamp: number }[]
  readonly tags: Readonly<Record<string, string>>
}

const GIVEN = /^0*(?:abc|def|aaa)$|0af7651916cd43dd|b7ad6b7169203331|8448eb211c80319c/
const TOLD = /^(?:x-b3-|b3$|trace|x-request-id$|x-client-trace-id$|x-envoy-decorator-operation$)/
const ID = /[0-9a-f]{32}|[0-9a-f]{16}/g

/** Names ids by their order of appearance; what the request brought stays. */
export class ZipkinView {
  private readonly names = new Map<string, string>()
  private readonly ports: ReadonlyMap<string, string>

  /** `ports`: of peers, with names for them. */
  constructor(ports: ReadonlyMap<string, string>) {
    this.ports = ports
  }

  told({ headers }: RawRequest): string {
    const fields = [...headers]
      .filter(([name]) => TOLD.test(name.toLowerCase()))
      .map(([name, value]) => {
        const key = name.toLowerCase()
        return `${key}: ${key === 'x-request-id' ? `digit ${value[14]}` : value.replace(ID, id => this.id(id))}`
      })
    return `< ${fields.sort().join(', ')}`
  }

  spans(body: string): readonly string[] {
    return (JSON.parse(body) as readonly ZipkinSpan[]).flatMap(span => this.span(span))
  }

  private span(span: ZipkinSpan): readonly string[] {
    const { serviceName, ipv4, port } = span.localEndpoint
    const shared = span.shared === true ? ' shared' : ''
    const parent = span.parentId === undefined ? '' : ` parent=${this.id(span.parentId)}`
    const whole = [span.timestamp, span.duration, ...span.annotations.map(one => one.timestamp)].every(Number.isInteger)
    return [
      `* ${span.kind}${shared} ${span.name} trace=${this.id(span.traceId)} id=${this.id(span.id)}${parent}`,
      `  ${serviceName} ${typeof ipv4} ${port} ${whole ? 'integers' : 'no integers'} ${span.annotations.map(one => one.value)}`,
      ...Object.keys(span.tags)
        .sort()
        .map(name => `    ${name}: ${this.tag(name, span.tags[name]!)}`),
    ]
  }

  private tag(name: string, value: string): string {
    if (name === 'guid:x-request-id') return `digit ${value[14]}`
    for (const [port, peer] of this.ports) if (value === `127.0.0.1:${port}`) return peer
    return value
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
