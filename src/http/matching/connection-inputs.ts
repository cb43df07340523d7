// What matcher trees may look at of the connection: addresses, the server name, the peer's certificate, filter state.
import { declareSupport } from '../../config/index.ts'
import { type MatchInput, NETWORK_INPUTS, type NetworkSubject, networkInput } from '../../net/index.ts'
import type { StreamInfo } from '../../observability/index.ts'

const SSL = 'envoy.extensions.matching.common_inputs.ssl.v3'

/** As Envoy: what is empty is not there. */
const unlessEmpty = (text: string | null | undefined): string | null => (text ? text : null)

const OF_CERTIFICATE: ReadonlyMap<string, MatchInput<StreamInfo>> = new Map<string, MatchInput<StreamInfo>>([
  [`${SSL}.UriSanInput`, info => unlessEmpty(info.connection.ssl?.peerCertificate?.uriSans.join(','))],
  [`${SSL}.DnsSanInput`, info => unlessEmpty(info.connection.ssl?.peerCertificate?.dnsSans.join(','))],
  [`${SSL}.SubjectInput`, info => unlessEmpty(info.connection.ssl?.peerCertificate?.subject)],
])
for (const type of OF_CERTIFICATE.keys()) declareSupport(type, { supported: [] })

/** Not of the protocols that filter chains are chosen by, before anybody has spoken. */
const OF_NETWORK = NETWORK_INPUTS.filter(type => !/\.(?:Transport|Application)ProtocolInput$/.test(type))

export const CONNECTION_INPUTS: readonly string[] = [...OF_NETWORK, ...OF_CERTIFICATE.keys()]

function subjectOf({ connection, filterState, remoteAddress }: StreamInfo): NetworkSubject {
  return {
    remoteAddress: remoteAddress ?? connection.remoteAddress,
    localAddress: connection.localAddress,
    directRemoteAddress: connection.directRemoteAddress,
    requestedServerName: connection.requestedServerName,
    transportProtocol: '',
    applicationProtocols: [],
    filterState,
  }
}

/** Undefined for a type that is none of CONNECTION_INPUTS. */
export function connectionInput(type: string, config: object): MatchInput<StreamInfo> | undefined {
  const ofCertificate = OF_CERTIFICATE.get(type)
  if (ofCertificate !== undefined) return ofCertificate
  const input = OF_NETWORK.includes(type) ? networkInput(type, config) : undefined
  return input === undefined ? undefined : info => input(subjectOf(info))
}
