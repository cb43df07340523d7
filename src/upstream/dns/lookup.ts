import type { DnsLookupFamily } from '../cluster-plan.ts'
import type { DnsAnswer, DnsResolver } from './resolver.ts'

/** Asks for the second family only where the first has nothing. */
async function firstThatHas(resolver: DnsResolver, name: string, first: 4 | 6, second: 4 | 6): Promise<DnsAnswer> {
  const answer = await resolver.resolve(name, first)
  if (answer.kind === 'resolved' && answer.records.length > 0) return answer
  const other = await resolver.resolve(name, second)
  // That one family has nothing says little while the other could not be asked.
  return other.kind === 'resolved' && other.records.length === 0 && answer.kind === 'failure' ? answer : other
}

async function both(resolver: DnsResolver, name: string): Promise<DnsAnswer> {
  const [v4, v6] = await Promise.all([resolver.resolve(name, 4), resolver.resolve(name, 6)])
  if (v4.kind === 'failure' && v6.kind === 'failure') return v4
  const records = [v4, v6].flatMap(answer => (answer.kind === 'resolved' ? answer.records : []))
  if (records.length === 0) return v4.kind === 'failure' ? v4 : v6
  return { kind: 'resolved', records }
}

/** Looks `name` up as envoy.config.cluster.v3.Cluster.dns_lookup_family says. Never rejects. */
export function lookup(resolver: DnsResolver, name: string, family: DnsLookupFamily): Promise<DnsAnswer> {
  switch (family) {
    case 'V4_ONLY':
      return resolver.resolve(name, 4)
    case 'V6_ONLY':
      return resolver.resolve(name, 6)
    case 'V4_PREFERRED':
      return firstThatHas(resolver, name, 4, 6)
    case 'ALL':
      return both(resolver, name)
    case 'AUTO':
      return firstThatHas(resolver, name, 6, 4)
  }
}
