// What matcher trees may look at of the connection: addresses, the server name, the peer's certificate, filter state.
import type { FilterStateInputJson } from '#api/envoy/extensions/matching/common_inputs/network/v3/network_inputs_pb.ts'
import { declareSupport } from '../../config/index.ts'
import { endpointOf, ipText, type MatchInput } from '../../net/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { filterStateText } from './filter-state.ts'

const NETWORK = 'envoy.extensions.matching.common_inputs.network.v3'
const SSL = 'envoy.extensions.matching.common_inputs.ssl.v3'
const FILTER_STATE = `${NETWORK}.FilterStateInput`

/** As Envoy: what is empty is not there. */
const unlessEmpty = (text: string | null | undefined): string | null => (text ? text : null)
const remote = (info: StreamInfo): string => info.remoteAddress ?? info.connection.remoteAddress

/** Pipes have neither. */
function ipOf(address: string): string | null {
  const { ip } = endpointOf(address)
  return ip === null ? null : ipText(ip)
}

function portOf(address: string): string | null {
  const { ip, port } = endpointOf(address)
  return ip === null ? null : String(port)
}

const INPUTS: ReadonlyMap<string, MatchInput<StreamInfo>> = new Map<string, MatchInput<StreamInfo>>([
  [`${NETWORK}.DestinationIPInput`, info => ipOf(info.connection.localAddress)],
  [`${NETWORK}.DestinationPortInput`, info => portOf(info.connection.localAddress)],
  [`${NETWORK}.SourceIPInput`, info => ipOf(remote(info))],
  [`${NETWORK}.SourcePortInput`, info => portOf(remote(info))],
  [`${NETWORK}.DirectSourceIPInput`, info => ipOf(info.connection.directRemoteAddress)],
  [`${NETWORK}.ServerNameInput`, info => unlessEmpty(info.connection.requestedServerName)],
  [`${SSL}.UriSanInput`, info => unlessEmpty(info.connection.ssl?.peerCertificate?.uriSans.join(','))],
  [`${SSL}.DnsSanInput`, info => unlessEmpty(info.connection.ssl?.peerCertificate?.dnsSans.join(','))],
  [`${SSL}.SubjectInput`, info => unlessEmpty(info.connection.ssl?.peerCertificate?.subject)],
])
for (const type of INPUTS.keys()) declareSupport(type, { supported: [] })
declareSupport(FILTER_STATE, {
  supported: ['key'],
  refused: { field: 'an entry is looked at as a whole; leave it out' },
})

export const CONNECTION_INPUTS: readonly string[] = [...INPUTS.keys(), FILTER_STATE]

/** Undefined for a type that is none of CONNECTION_INPUTS. */
export function connectionInput(type: string, config: object): MatchInput<StreamInfo> | undefined {
  if (type !== FILTER_STATE) return INPUTS.get(type)
  const key = (config as FilterStateInputJson).key ?? ''
  return info => filterStateText(info, key)
}
