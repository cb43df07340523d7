// What the service is told of a request: envoy.service.auth.v3.AttributeContext.
import type { StringPredicate } from '../../../config/index.ts'
import { endpointOf } from '../../../net/index.ts'
import type { CheckSubject } from './check.ts'

export interface AttributeSettings {
  readonly sends: StringPredicate
  readonly namespaces: readonly string[]
  readonly routeNamespaces: readonly string[]
  readonly asBytes: boolean
}

export function checkAttributes(subject: CheckSubject, settings: AttributeSettings): object {
  const { info } = subject
  const { connection } = info
  return {
    source: { address: addressOf(info.remoteAddress ?? connection.remoteAddress) },
    destination: { address: addressOf(connection.localAddress) },
    request: { time: timeOf(info.startWallMs), http: httpOf(subject, settings) },
    contextExtensions: subject.contextExtensions,
    metadataContext: { filterMetadata: pick(info.dynamicMetadata, settings.namespaces) },
    routeMetadataContext: { filterMetadata: pick(mapOf(subject.routeMetadata), settings.routeNamespaces) },
  }
}

function addressOf(text: string): object {
  const { ip, port } = endpointOf(text)
  if (ip === null) return { address: { case: 'pipe', value: { path: text } } }
  const colon = text.lastIndexOf(':')
  const address = text.startsWith('[') ? text.slice(1, colon - 1) : text.slice(0, colon)
  const value = { address, portSpecifier: { case: 'portValue', value: port } }
  return { address: { case: 'socketAddress', value } }
}

function timeOf(wallMs: number): object {
  const seconds = Math.floor(wallMs / 1000)
  return { seconds: BigInt(seconds), nanos: Math.round((wallMs - seconds * 1000) * 1e6) }
}

function httpOf({ headers, info, body, partial }: CheckSubject, { sends, asBytes }: AttributeSettings): object {
  const sent = headersOf({ headers, info, body, partial }, sends)
  return {
    id: String(info.connection.connectionId),
    method: headers.method,
    headers: sent,
    path: text(headers.path),
    host: text(headers.authority),
    scheme: headers.scheme,
    query: '',
    size: BigInt(info.bytesReceived),
    protocol: info.protocol ?? '',
    body: body !== null && !asBytes ? body.toString('utf8') : '',
    rawBody: body !== null && asBytes ? body : new Uint8Array(0),
  }
}

function headersOf(
  { headers, body, partial }: Pick<CheckSubject, 'headers' | 'info' | 'body' | 'partial'>,
  sends: StringPredicate,
): Record<string, string> {
  const sent: Record<string, string> = Object.create(null)
  const put = (name: string, value: string): void => {
    if (!sends(name)) return
    const before = sent[name]
    sent[name] = before === undefined ? text(value) : `${before},${text(value)}`
  }
  put(':authority', headers.authority)
  put(':path', headers.path)
  put(':method', headers.method)
  put(':scheme', headers.scheme)
  headers.forEach((name, value) => {
    if (name !== 'host') put(name, value)
  })
  if (body !== null) sent['x-envoy-auth-partial-body'] = String(partial)
  return { ...sent }
}

/** Protobuf texts are UTF-8; what is none becomes replacement characters, as in Envoy. */
function text(latin1: string): string {
  for (let i = 0; i < latin1.length; i++) {
    if (latin1.charCodeAt(i) > 127) return Buffer.from(latin1, 'latin1').toString('utf8')
  }
  return latin1
}

function mapOf(metadata: object | null): ReadonlyMap<string, Record<string, unknown>> | null {
  return metadata === null ? null : new Map(Object.entries(metadata))
}

function pick(
  metadata: ReadonlyMap<string, Record<string, unknown>> | null,
  namespaces: readonly string[],
): Record<string, object> {
  const picked: Record<string, object> = {}
  for (const namespace of namespaces) {
    const fields = metadata?.get(namespace)
    if (fields !== undefined) picked[namespace] = fields
  }
  return picked
}
