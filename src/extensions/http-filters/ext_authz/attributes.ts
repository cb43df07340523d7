// What the service is told of a request: envoy.service.auth.v3.AttributeContext.
import type { StringPredicate } from '../../../config/index.ts'
import { connectionAttributes, metadataContext, type PeerAttributes } from '../../../upstream/index.ts'
import type { CheckSubject } from './check.ts'

export interface AttributeSettings {
  readonly sends: StringPredicate
  readonly namespaces: readonly string[]
  readonly routeNamespaces: readonly string[]
  readonly asBytes: boolean
  /** Headers go as a list of bytes, each value by itself. */
  readonly rawHeaders: boolean
  readonly peer: PeerAttributes
}

export function checkAttributes(subject: CheckSubject, settings: AttributeSettings): object {
  const { info } = subject
  return {
    ...connectionAttributes(info, settings.peer),
    request: { time: timeOf(info.startWallMs), http: httpOf(subject, settings) },
    contextExtensions: subject.contextExtensions,
    metadataContext: metadataContext(info.dynamicMetadata, settings.namespaces),
    routeMetadataContext: metadataContext(mapOf(subject.routeMetadata), settings.routeNamespaces),
  }
}

function timeOf(wallMs: number): object {
  const seconds = Math.floor(wallMs / 1000)
  return { seconds: BigInt(seconds), nanos: Math.round((wallMs - seconds * 1000) * 1e6) }
}

function httpOf(
  { headers, info, body, partial }: CheckSubject,
  { sends, asBytes, rawHeaders }: AttributeSettings,
): object {
  const part = { headers, info, body, partial }
  return {
    id: String(info.connection.connectionId),
    method: headers.method,
    ...(rawHeaders ? { headerMap: { headers: rawHeadersOf(part, sends) } } : { headers: headersOf(part, sends) }),
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

function rawHeadersOf(
  { headers, body, partial }: Pick<CheckSubject, 'headers' | 'info' | 'body' | 'partial'>,
  sends: StringPredicate,
): readonly object[] {
  const sent: object[] = []
  const put = (key: string, value: string): void => {
    if (sends(key)) sent.push({ key, rawValue: Buffer.from(value, 'latin1') })
  }
  put(':authority', headers.authority)
  put(':path', headers.path)
  put(':method', headers.method)
  put(':scheme', headers.scheme)
  headers.forEach((name, value) => {
    if (name !== 'host') put(name, value)
  })
  if (body !== null) sent.push({ key: 'x-envoy-auth-partial-body', rawValue: Buffer.from(String(partial)) })
  return sent
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
