// HOT FILE (docs/hot-path.md): asked once per attempt; null, at the cost of one test, for almost every cluster.
import { isIP } from 'node:net'
import type { HeaderMap } from '../http/index.ts'
import type { TransportSocketOverrides } from '../net/index.ts'
import type { StreamInfo } from '../observability/index.ts'
import type { Cluster } from './cluster.ts'

/** What the transport of one request has to know of it (auto_sni, PROXY protocol); `headers` as they go upstream. */
export function transportOverrides(
  cluster: Cluster,
  info: StreamInfo,
  headers: HeaderMap | null,
): TransportSocketOverrides | null {
  return cluster.transports.perRequest ? makeOverrides(cluster, info, headers) : null
}

function makeOverrides(
  cluster: Cluster,
  { connection }: StreamInfo,
  headers: HeaderMap | null,
): TransportSocketOverrides {
  const { autoSni, autoSanValidation, autoSniHeader } = cluster.plan.serverNames
  let name = ''
  if (headers !== null && (autoSni || autoSanValidation)) {
    const override = autoSniHeader === null ? undefined : headers.get(autoSniHeader)
    name = hostOf(override === undefined || override === '' ? headers.authority : override)
  }
  return {
    sni: autoSni && name !== '' && isIP(name) === 0 ? name : undefined,
    san: autoSanValidation && name !== '' ? name : undefined,
    proxyProtocol: cluster.transports.proxyProtocol
      ? { source: connection.remoteAddress, destination: connection.localAddress, tlvs: connection.proxyTlvs ?? null }
      : undefined,
  }
}

/** 'a.test' of 'a.test:443', '::1' of '[::1]:443'. */
function hostOf(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(1, authority.indexOf(']'))
  const colon = authority.lastIndexOf(':')
  return colon < 0 ? authority : authority.slice(0, colon)
}

/** Equal for requests that may share connections. */
export function overridesKey({ sni, san, proxyProtocol }: TransportSocketOverrides): string {
  return `${sni ?? ''} ${san ?? ''} ${proxyProtocol?.source ?? ''} ${proxyProtocol?.destination ?? ''} ${proxyProtocol?.tlvs?.toString('latin1') ?? ''}`
}
