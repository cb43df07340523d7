// Discovery against health checks: hosts that discovery no longer names but that pass their checks stay in use, since a
// discovery service fails more often than every host behind it at once (envoy-docs: service discovery).

import type { LbEndpointJson, LocalityLbEndpointsJson } from '#api/envoy/config/endpoint/v3/endpoint_components_pb.ts'
import type { ClusterLoadAssignmentJson } from '#api/envoy/config/endpoint/v3/endpoint_pb.ts'
import { compileAssignment } from './compile/assignment.ts'
import { HostKeys } from './host.ts'

export interface Retention {
  /** What discovery says and the hosts that stay without it. */
  readonly assignment: ClusterLoadAssignmentJson
  /** Keys of hosts that stay although discovery has dropped them. */
  readonly retained: ReadonlySet<string>
}

interface Place {
  readonly key: string
  readonly locality: LocalityLbEndpointsJson
  readonly endpoint: LbEndpointJson
}

function placesOf(assignment: ClusterLoadAssignmentJson): readonly Place[] {
  const keys = new HostKeys()
  const plan = compileAssignment(assignment)
  return plan.localities.flatMap(({ endpoints }, i) => {
    const locality = assignment.endpoints?.[i] as LocalityLbEndpointsJson
    return endpoints.map((endpoint, j) => ({
      key: keys.next(endpoint),
      locality,
      endpoint: locality.lbEndpoints?.[j] as LbEndpointJson,
    }))
  })
}

function samePlace(a: LocalityLbEndpointsJson, b: LocalityLbEndpointsJson): boolean {
  const name = ({ priority = 0, locality = {} }: LocalityLbEndpointsJson) =>
    [priority, locality.region, locality.zone, locality.subZone].join('\n')
  return name(a) === name(b)
}

/** `inUse`: the assignment in force, hosts that were retained before included. */
export function retainHosts(
  inUse: ClusterLoadAssignmentJson,
  discovered: ClusterLoadAssignmentJson,
  isHealthy: (key: string) => boolean,
): Retention {
  const known = new Set(placesOf(discovered).map(({ key }) => key))
  const staying = placesOf(inUse).filter(({ key }) => !known.has(key) && isHealthy(key))
  if (staying.length === 0) return { assignment: discovered, retained: new Set() }
  const localities = (discovered.endpoints ?? []).map(locality => ({
    ...locality,
    lbEndpoints: [...(locality.lbEndpoints ?? [])],
  }))
  for (const { locality, endpoint } of staying) {
    let target = localities.find(candidate => samePlace(candidate, locality))
    if (target === undefined) localities.push((target = { ...locality, lbEndpoints: [] }))
    target.lbEndpoints.push(endpoint)
  }
  return { assignment: { ...discovered, endpoints: localities }, retained: new Set(staying.map(({ key }) => key)) }
}
