// request_attributes and response_attributes: facts of a request by the names that Envoy's CEL expressions give them.
import type { HttpFilterCallbacks } from '../../../http/index.ts'
import { endpointOf } from '../../../net/index.ts'

type AttributeValue = string | number | boolean
/** Undefined: there is nothing to tell. */
type Attribute = (stream: HttpFilterCallbacks) => AttributeValue | undefined

const NAMESPACE = 'envoy.filters.http.ext_proc'
const header =
  (name: string): Attribute =>
  ({ requestHeaders }) =>
    requestHeaders?.lookup(name)

const portOf = (address: string): number | undefined => {
  const { ip, port } = endpointOf(address)
  return ip === null ? undefined : port
}

const remote = ({ info }: HttpFilterCallbacks): string => info.remoteAddress ?? info.connection.remoteAddress
const text = (value: string | null | undefined): string | undefined => value ?? undefined
const filled = (value: string | null | undefined): string | undefined => (value ? value : undefined)
const size = (stream: HttpFilterCallbacks): number => {
  const length = stream.requestHeaders?.lookup('content-length')
  return length === undefined ? stream.info.bytesReceived : Number(length)
}

const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  'request.path': header(':path'),
  'request.url_path': ({ requestHeaders }) => requestHeaders?.path.split(/[?#]/, 1)[0],
  'request.query': ({ requestHeaders }) => /\?([^#]*)/.exec(requestHeaders?.path ?? '')?.[1] ?? '',
  'request.host': header(':authority'),
  'request.scheme': header(':scheme'),
  'request.method': header(':method'),
  'request.referer': header('referer'),
  'request.useragent': header('user-agent'),
  'request.id': header('x-request-id'),
  'request.protocol': ({ info }) => text(info.protocol),
  'request.size': size,
  'request.total_size': stream => stream.info.bytesReceived + (stream.requestHeaders?.byteSize ?? 0),
  'response.code': ({ info, responseHeaders }) => responseHeaders?.status ?? (info.responseCode || undefined),
  'response.code_details': ({ info }) => text(info.responseCodeDetails),
  'response.flags': ({ info }) => info.flags,
  'response.size': ({ info }) => info.bytesSent,
  'response.total_size': ({ info, responseHeaders }) => info.bytesSent + (responseHeaders?.byteSize ?? 0),
  'source.address': stream => remote(stream),
  'source.port': stream => portOf(remote(stream)),
  'destination.address': ({ info }) => info.connection.localAddress,
  'destination.port': ({ info }) => portOf(info.connection.localAddress),
  'connection.id': ({ info }) => info.connection.connectionId,
  'connection.mtls': ({ info }) => info.connection.ssl?.peerCertificatePresented ?? false,
  'connection.requested_server_name': ({ info }) => info.connection.requestedServerName ?? '',
  'connection.tls_version': ({ info }) => filled(info.connection.ssl?.version),
  'connection.subject_local_certificate': ({ info }) => filled(info.connection.ssl?.localCertificate?.subject),
  'connection.subject_peer_certificate': ({ info }) => filled(info.connection.ssl?.peerCertificate?.subject),
  'connection.uri_san_local_certificate': ({ info }) => info.connection.ssl?.localCertificate?.uriSans[0],
  'connection.uri_san_peer_certificate': ({ info }) => info.connection.ssl?.peerCertificate?.uriSans[0],
  'connection.dns_san_local_certificate': ({ info }) => info.connection.ssl?.localCertificate?.dnsSans[0],
  'connection.dns_san_peer_certificate': ({ info }) => info.connection.ssl?.peerCertificate?.dnsSans[0],
  'connection.sha256_peer_certificate_digest': ({ info }) => filled(info.connection.ssl?.peerCertificate?.sha256),
  'connection.termination_details': ({ info }) => filled(info.connectionTerminationDetails),
  'upstream.address': ({ info }) => text(info.upstreamHostAddress),
  'upstream.port': ({ info }) => (info.upstreamHostAddress === null ? undefined : portOf(info.upstreamHostAddress)),
  'upstream.local_address': ({ info }) => text(info.upstreamLocalAddress),
  'upstream.tls_version': ({ info }) => filled(info.upstreamSsl?.version),
  'upstream.subject_peer_certificate': ({ info }) => filled(info.upstreamSsl?.peerCertificate?.subject),
  'upstream.transport_failure_reason': ({ info }) => info.upstreamTransportFailureReason ?? '',
  'upstream.request_attempt_count': ({ info }) => info.upstreamRequestAttemptCount || undefined,
  'xds.cluster_name': ({ info }) => text(info.upstreamCluster),
  'xds.route_name': ({ info }) => info.routeName ?? '',
  'xds.virtual_host_name': ({ info }) => text(info.virtualHostName),
  'xds.filter_chain_name': ({ info }) => info.connection.filterChainName,
  'xds.node.id': ({ thread }) => thread.node.id ?? '',
  'xds.node.cluster': ({ thread }) => thread.node.cluster ?? '',
}

export const attributeNames: readonly string[] = Object.keys(ATTRIBUTES)

/** ProcessingRequest.attributes; `names` are known. */
export function attributesMessage(names: readonly string[], stream: HttpFilterCallbacks): object {
  const values: Record<string, AttributeValue> = {}
  for (const name of names) {
    const value = ATTRIBUTES[name]?.(stream)
    if (value !== undefined) values[name] = typeof value === 'string' ? utf8(value) : value
  }
  return { [NAMESPACE]: values }
}

function utf8(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('utf8')
}
