// What matcher trees may look at of a connection: envoy.extensions.matching.common_inputs.network.
import type { FilterStateInputJson } from '#api/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.ts'
import { declareSupport } from '../../config/index.ts'
import { textInFilterState } from '../../observability/index.ts'
import { endpointOf, type IpGroups, ipText, isLoopback, sameIp } from '../cidr.ts'
import type { MatchInput } from './matcher-tree.ts'

/** A connection as an accepted socket describes it. Addresses are 'ip:port' or a pipe's path. */
export interface NetworkSubject {
  readonly remoteAddress: string
  readonly localAddress: string
  readonly directRemoteAddress: string
  readonly requestedServerName: string | null
  readonly transportProtocol: string
  readonly applicationProtocols: readonly string[]
  readonly filterState: ReadonlyMap<string, unknown> | null
}

const API = 'envoy.extensions.matching.common_inputs.network.v3'
const FILTER_STATE = `${API}.FilterStateInput`

const ipOf = (address: string): string | null => {
  const { ip } = endpointOf(address)
  return ip === null ? null : ipText(ip)
}
const portOf = (address: string): string | null => {
  const { ip, port } = endpointOf(address)
  return ip === null ? null : String(port)
}
const filled = (text: string | null): string | null => (text === '' ? null : text)

/** As Envoy: over a pipe, a loopback address, or from the very address that it goes to. */
export function isLocalConnection(source: IpGroups | null, destination: IpGroups | null): boolean {
  return source === null || isLoopback(source) || (destination !== null && sameIp(source, destination))
}

function sourceType({ remoteAddress, localAddress }: NetworkSubject): string | null {
  return isLocalConnection(endpointOf(remoteAddress).ip, endpointOf(localAddress).ip) ? 'local' : null
}

/** As Envoy prints the protocols that a client offers: `'h2','http/1.1'`. */
function protocols({ applicationProtocols }: NetworkSubject): string | null {
  return filled(applicationProtocols.map(name => `'${name}'`).join(','))
}

const INPUTS: Readonly<Record<string, MatchInput<NetworkSubject>>> = {
  [`${API}.DestinationIPInput`]: subject => ipOf(subject.localAddress),
  [`${API}.DestinationPortInput`]: subject => portOf(subject.localAddress),
  [`${API}.SourceIPInput`]: subject => ipOf(subject.remoteAddress),
  [`${API}.SourcePortInput`]: subject => portOf(subject.remoteAddress),
  [`${API}.DirectSourceIPInput`]: subject => ipOf(subject.directRemoteAddress),
  [`${API}.SourceTypeInput`]: sourceType,
  [`${API}.ServerNameInput`]: subject => filled(subject.requestedServerName),
  [`${API}.TransportProtocolInput`]: subject => filled(subject.transportProtocol),
  [`${API}.ApplicationProtocolInput`]: protocols,
}
for (const type of Object.keys(INPUTS)) declareSupport(type, { supported: [] })
declareSupport(FILTER_STATE, {
  supported: ['key'],
  refused: { field: 'an entry is looked at as a whole; leave it out' },
})

export const NETWORK_INPUTS: readonly string[] = [...Object.keys(INPUTS), FILTER_STATE]

/** Undefined for a type that is none of NETWORK_INPUTS. */
export function networkInput(type: string, config: object): MatchInput<NetworkSubject> | undefined {
  if (type !== FILTER_STATE) return INPUTS[type]
  const { key = '' } = config as FilterStateInputJson
  return ({ filterState }) => textInFilterState(filterState, key)
}
