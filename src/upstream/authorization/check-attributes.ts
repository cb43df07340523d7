// What an authorization service is told of a connection: the parts of envoy.service.auth.v3.AttributeContext that HTTP and
// TCP share. Who has a request as well adds it.
import { addressMessage } from '../../net/index.ts'
import type { SslConnectionInfo, StreamInfo } from '../../observability/index.ts'

export interface PeerAttributes {
  readonly peerCertificate: boolean
  readonly tlsSession: boolean
}

/** `source`, `destination` and, where it is asked for, `tlsSession`. */
export function connectionAttributes(info: StreamInfo, { peerCertificate, tlsSession }: PeerAttributes): object {
  const { connection } = info
  const { ssl } = connection
  return {
    source: {
      address: addressMessage(info.remoteAddress ?? connection.remoteAddress),
      principal: ssl === null ? '' : principalOf(ssl.peerCertificate),
      certificate: peerCertificate ? (ssl?.peerCertificate?.urlEncodedPem ?? '') : '',
    },
    destination: {
      address: addressMessage(connection.localAddress),
      principal: ssl === null ? '' : principalOf(ssl.localCertificate),
    },
    ...(tlsSession && ssl !== null ? { tlsSession: { sni: connection.requestedServerName ?? '' } } : {}),
  }
}

/** The first URI, else the first DNS name, else the subject. */
function principalOf(certificate: SslConnectionInfo['peerCertificate']): string {
  if (certificate === null) return ''
  return certificate.uriSans[0] ?? certificate.dnsSans[0] ?? certificate.subject
}

type Structs = ReadonlyMap<string, Record<string, unknown>> | null

/** envoy.config.core.v3.Metadata with these namespaces. */
export function metadataContext(metadata: Structs, namespaces: readonly string[]): object {
  const filterMetadata: Record<string, object> = {}
  for (const namespace of namespaces) {
    const fields = metadata?.get(namespace)
    if (fields !== undefined) filterMetadata[namespace] = fields
  }
  return { filterMetadata }
}
