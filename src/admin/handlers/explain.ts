import { type AdminResponse, type Endpoint, json, text } from '../endpoint.ts'
import type { BreakerRoom, ClusterExplanation, ExplainedHost } from '../explain-sources.ts'
import { snakeCased } from '../snake-cased.ts'

const NO_ZONES: Readonly<Record<string, string>> = {
  no_local_cluster: 'cluster_manager.local_cluster_name is not set, or is this cluster',
  one_upstream_locality: 'the cluster has hosts in one locality only',
  one_local_locality: 'the local cluster has hosts in one locality only',
  local_cluster_not_here: 'the local cluster has no host in the zone of this proxy',
  cluster_too_small: 'the cluster has fewer hosts than zone aware routing asks for',
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function moment(unixMs: number): string {
  return new Date(unixMs).toISOString()
}

function zoneText(zones: ClusterExplanation['zoneRouting']): string {
  if (zones === null) return ''
  if (zones.state === 'off') return `  zone aware routing is off: ${NO_ZONES[zones.reason] ?? zones.reason}\n`
  if (zones.state === 'direct') return '  zone aware routing is on: everything stays in this zone\n'
  return `  zone aware routing is on: ${zones.localShare / 100} % stays in this zone\n`
}

function breakerText(breakers: readonly BreakerRoom[], indent: string): string {
  return breakers
    .map(({ priority, limits }) => {
      const rooms = limits.map(
        ({ name, limit, used }) => `${name} ${used} of ${limit}, ${Math.max(0, limit - used)} left`,
      )
      return `${indent}in use, ${priority}: ${rooms.join('; ')}\n`
    })
    .join('')
}

function clusterText(cluster: ClusterExplanation): string {
  let out = `${cluster.name}: ${cluster.policies.join(' over ')}`
  out += cluster.panicThreshold > 0 ? `, panic below ${cluster.panicThreshold} % of healthy hosts\n` : ', no panic\n'
  for (const { priority, hosts, healthy, degraded, excluded, healthyLoad, degradedLoad, panic } of cluster.priorities) {
    const load = healthyLoad + degradedLoad
    out += `  priority ${priority}: ${healthy} of ${hosts} hosts healthy, ${degraded} degraded, ${excluded} excluded; `
    out += `gets ${load} % of the requests${panic ? ', in panic' : ''}\n`
  }
  out += zoneText(cluster.zoneRouting)
  if (cluster.outliers !== null) {
    const { hosts, ejected, maxEjectionPercent } = cluster.outliers
    out += `  outlier detection: ${ejected} of ${hosts} hosts ejected, at most ${maxEjectionPercent} %\n`
  }
  return out + breakerText(cluster.breakers, '  ')
}

function ejectionText({ ejection }: ExplainedHost): string {
  if (ejection === null || ejection.type === null) return ''
  const numbers = JSON.stringify(ejection.detail)
  const { ejected, enforced } = ejection
  const what = ejected ? 'ejected' : enforced ? 'back, was ejected' : 'found an outlier, not enforced,'
  let out = `    ${what} ${seconds(ejection.agoMs)} ago by ${ejection.type}: ${numbers}\n`
  if (ejection.returnsInMs !== null) {
    out += `    ejected ${ejection.count} times in all, may return in ${seconds(ejection.returnsInMs)}\n`
  }
  return out
}

function hostText(host: ExplainedHost): string {
  const { address, hostname, share, weight, priority, locality, latency, successRate } = host
  const place = [locality.region, locality.zone, locality.subZone].filter(part => part !== '').join('/')
  let out = `  ${address}${hostname === '' ? '' : ` (${hostname})`}: `
  out += share === null ? 'the request decides' : `${(100 * share).toFixed(1)} % of the requests`
  out += `, weight ${weight}, priority ${priority}${place === '' ? '' : `, ${place}`}\n`
  for (const reason of host.reasons) out += `    ${reason}\n`
  for (const { flag, sinceMs } of host.flags) out += `    ${flag} since ${moment(sinceMs)}\n`
  if (host.healthySinceMs !== null) out += `    healthy since ${moment(host.healthySinceMs)}\n`
  out += ejectionText(host)
  if (successRate >= 0) out += `    ${successRate.toFixed(1)} % of its answers in the last interval were good\n`
  if (latency !== null) out += `    takes ${latency.ms.toFixed(1)} ms, by ${Math.floor(latency.volume)} requests\n`
  return out + breakerText(host.breakers, '    ')
}

function* explanationText(cluster: ClusterExplanation): Generator<string> {
  yield clusterText(cluster)
  for (const host of cluster.hosts) yield hostText(host)
}

export const explainCluster: Endpoint = {
  path: '/explain/cluster',
  help: 'why each host of a cluster is picked or not',
  params: [
    { name: 'name', help: 'The cluster' },
    { name: 'format', help: 'The form of the answer', choices: ['text', 'json'] },
  ],
  handle: ({ params }, sources): AdminResponse => {
    const name = params.get('name') ?? ''
    if (name === '') return text('usage: /explain/cluster?name=<cluster>\n', 400)
    const cluster = sources.explainCluster(name)
    if (cluster === undefined) return text(`no cluster is named '${name}'\n`, 404)
    return params.get('format') === 'json' ? json(snakeCased(cluster)) : text(explanationText(cluster))
  },
}
