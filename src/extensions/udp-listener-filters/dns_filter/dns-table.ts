// The names that are answered: whole names before wildcards, longer wildcards before shorter ones.
import type { DnsTableJson, DnsTable_DnsVirtualDomainJson as DomainJson } from '#api/envoy/data/dns/v3/dns_table_pb.ts'
import { type CompileContext, type ConfigPath, durationMs } from '../../../config/index.ts'
import { parseIp } from '../../../net/index.ts'

const DEFAULT_TTL_MS = 300_000
const WILDCARD = '*.'

export interface DnsDomain {
  readonly ttlS: number
  /** Whose hosts are the answer; null: `v4` and `v6` are. */
  readonly cluster: string | null
  readonly v4: readonly Buffer[]
  readonly v6: readonly Buffer[]
}

/** The bytes of a record: 4 or 16; null: the text is no IP address. */
export function addressBytes(text: string): Buffer | null {
  const groups = parseIp(text)
  return groups === null ? null : Buffer.from(groups.flatMap(group => [group >> 8, group & 255]))
}

/** What Envoy takes for a name's domain: its last two labels. */
function suffixOf(name: string): string {
  const last = name.lastIndexOf('.')
  return last < 0 ? name : name.slice(name.lastIndexOf('.', last - 1) + 1)
}

export class DnsTable {
  private readonly names = new Map<string, DnsDomain>()
  /** By what follows the asterisk. */
  private readonly wildcards = new Map<string, DnsDomain>()
  private readonly suffixes = new Set<string>()
  private readonly ignoresCase: boolean

  constructor(ignoresCase: boolean) {
    this.ignoresCase = ignoresCase
  }

  static compile(json: DnsTableJson, ignoresCase: boolean, context: CompileContext, path: ConfigPath): DnsTable {
    const table = new DnsTable(ignoresCase)
    json.virtualDomains?.forEach((domain, i) => {
      table.add(domain, context, path.field('virtual_domains').index(i))
    })
    return table
  }

  private add({ name = '', endpoint, answerTtl }: DomainJson, context: CompileContext, path: ConfigPath): void {
    const at = path.field('endpoint')
    if (endpoint === undefined) context.diagnostics.error(at, 'a name needs an endpoint: what is the answer?')
    const cluster = endpoint?.clusterName ?? null
    if (cluster !== null && !context.hasCluster(cluster)) {
      const message = `no cluster is named ${cluster}: ${name} has no address until one is`
      context.diagnostics.warn(at.field('cluster_name'), message, { code: 'unknown-cluster' })
    }
    const own = this.asKey(name)
    const places = own.startsWith(WILDCARD) ? this.wildcards : this.names
    const key = own.startsWith(WILDCARD) ? own.slice(WILDCARD.length) : own
    // As Envoy: a name that stands there twice has the addresses of both.
    const known = places.get(key)
    const [v4, v6] = [[...(known?.v4 ?? [])], [...(known?.v6 ?? [])]]
    endpoint?.addressList?.address?.forEach((text, i) => {
      const bytes = addressBytes(text)
      if (bytes !== null) (bytes.length === 4 ? v4 : v6).push(bytes)
      else {
        const where = at.field('address_list').field('address').index(i)
        context.diagnostics.error(where, 'is no IP address', { found: text })
      }
    })
    places.set(key, { ttlS: Math.floor(durationMs(answerTtl, DEFAULT_TTL_MS) / 1000), cluster, v4, v6 })
    this.suffixes.add(suffixOf(key))
  }

  private asKey(name: string): string {
    return this.ignoresCase ? name.toLowerCase() : name
  }

  /** Of names below a domain that there is something of. */
  knows(name: string): boolean {
    return this.suffixes.has(suffixOf(this.asKey(name)))
  }

  find(name: string): DnsDomain | null {
    const key = this.asKey(name)
    const exact = this.names.get(key)
    if (exact !== undefined || this.wildcards.size === 0) return exact ?? null
    for (let dot = key.indexOf('.'); dot >= 0; dot = key.indexOf('.', dot + 1)) {
      const found = this.wildcards.get(key.slice(dot + 1))
      if (found !== undefined) return found
    }
    return null
  }
}
