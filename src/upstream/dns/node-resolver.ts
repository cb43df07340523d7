import { promises as dns } from 'node:dns'
import { isIP } from 'node:net'
import type { DnsResolverPlan } from '../cluster-plan.ts'
import { HostsFile } from './hosts-file.ts'
import type { DnsAnswer, DnsResolver } from './resolver.ts'

/** getaddrinfo tells no TTL; Envoy assumes this one. */
const ASSUMED_TTL_S = 60
/** Codes that mean: there is no such record. */
const NO_RECORD = new Set(['ENOTFOUND', 'ENODATA', 'EAI_NODATA', 'EAI_NONAME'])

function failureOf(error: unknown): DnsAnswer {
  const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException
  return NO_RECORD.has(code) ? { kind: 'resolved', records: [], code } : { kind: 'failure', code }
}

const fixed = (addresses: readonly string[]): DnsAnswer => ({
  kind: 'resolved',
  records: addresses.map(address => ({ address, ttlS: 0 })),
})

/** Answers that need no server: addresses themselves, and localhost (RFC 6761). */
function withoutQuery(name: string, family: 4 | 6): DnsAnswer | null {
  const literal = isIP(name)
  if (literal !== 0) return fixed(literal === family ? [name] : [])
  if (/^(.*\.)?localhost\.?$/i.test(name)) return fixed([family === 4 ? '127.0.0.1' : '::1'])
  return null
}

/** DNS queries through c-ares; the hosts file comes first. */
export class CaresResolver implements DnsResolver {
  private readonly resolver: dns.Resolver
  private readonly hosts: HostsFile

  /** Without servers: those of /etc/resolv.conf. */
  constructor({ servers, tryMs, tries }: Omit<DnsResolverPlan, 'kind'>, hosts: HostsFile = new HostsFile()) {
    this.resolver = new dns.Resolver({ timeout: tryMs, tries })
    this.hosts = hosts
    if (servers.length > 0) this.resolver.setServers(servers)
  }

  async resolve(name: string, family: 4 | 6): Promise<DnsAnswer> {
    const known = this.hosts.lookup(name, family)
    if (known !== undefined) return fixed(known)
    const answer = withoutQuery(name, family)
    if (answer !== null) return answer
    try {
      const records =
        family === 4
          ? await this.resolver.resolve4(name, { ttl: true })
          : await this.resolver.resolve6(name, { ttl: true })
      return { kind: 'resolved', records: records.map(({ address, ttl }) => ({ address, ttlS: ttl })) }
    } catch (error) {
      return failureOf(error)
    }
  }
}

/** The system's own resolver, with all that nsswitch.conf names. */
export class GetAddrInfoResolver implements DnsResolver {
  async resolve(name: string, family: 4 | 6): Promise<DnsAnswer> {
    try {
      const found = await dns.lookup(name, { all: true, family, order: 'verbatim' })
      return { kind: 'resolved', records: found.map(({ address }) => ({ address, ttlS: ASSUMED_TTL_S })) }
    } catch (error) {
      return failureOf(error)
    }
  }
}

export type DnsResolverFactory = (plan: DnsResolverPlan) => DnsResolver

/** One resolver for all clusters that ask the same servers. */
export function nodeResolvers(): DnsResolverFactory {
  const known = new Map<string, DnsResolver>()
  return plan => {
    const key = `${plan.kind} ${plan.tryMs} ${plan.tries} ${plan.servers.join(' ')}`
    let resolver = known.get(key)
    if (resolver === undefined) {
      resolver = plan.kind === 'getaddrinfo' ? new GetAddrInfoResolver() : new CaresResolver(plan)
      known.set(key, resolver)
    }
    return resolver
  }
}
