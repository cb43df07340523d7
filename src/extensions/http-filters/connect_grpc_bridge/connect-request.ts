// Requests of the Connect protocol: which kind it is, and its head as gRPC has it.
import {
  CONTENT_LENGTH,
  CONTENT_TYPE,
  formatGrpcTimeout,
  GRPC_TIMEOUT,
  type HeaderMap,
  HeaderName,
  TE,
} from '../../../http/index.ts'

export const CONTENT_ENCODING = HeaderName.of('content-encoding')
export const CONNECT_CONTENT_ENCODING = HeaderName.of('connect-content-encoding')
export const CONNECT_ACCEPT_ENCODING = HeaderName.of('connect-accept-encoding')
export const GRPC_ENCODING = HeaderName.of('grpc-encoding')
export const GRPC_ACCEPT_ENCODING = HeaderName.of('grpc-accept-encoding')
const ACCEPT_ENCODING = HeaderName.of('accept-encoding')
const PROTOCOL_VERSION = HeaderName.of('connect-protocol-version')
const TIMEOUT_MS = HeaderName.of('connect-timeout-ms')

const STREAM_TYPE = 'application/connect+'
const UNARY_TYPE = 'application/'
const COMPRESSED = 1

export type ConnectCall =
  | { readonly kind: 'stream' }
  /** `flags`: of the frame that its message becomes. `message`: from a GET's query; null: it is the body. */
  | { readonly kind: 'unary'; readonly flags: number; readonly message: Buffer | null }

/** Rewrites a Connect request's head; null: it is none, and stays as it is. */
export function takeConnectRequest(headers: HeaderMap): ConnectCall | null {
  const type = headers.get(CONTENT_TYPE) ?? ''
  if (type.startsWith(STREAM_TYPE)) {
    becomeGrpc(headers, type.slice(STREAM_TYPE.length))
    rename(headers, CONNECT_CONTENT_ENCODING, GRPC_ENCODING)
    rename(headers, CONNECT_ACCEPT_ENCODING, GRPC_ACCEPT_ENCODING)
    return { kind: 'stream' }
  }
  if (headers.has(PROTOCOL_VERSION) && type.startsWith(UNARY_TYPE)) {
    becomeGrpc(headers, type.slice(UNARY_TYPE.length))
    rename(headers, CONTENT_ENCODING, GRPC_ENCODING)
    rename(headers, ACCEPT_ENCODING, GRPC_ACCEPT_ENCODING)
    return { kind: 'unary', flags: flagsOf(headers.get(GRPC_ENCODING)), message: null }
  }
  return headers.method === 'GET' ? takeGet(headers) : null
}

function takeGet(headers: HeaderMap): ConnectCall | null {
  const { path } = headers
  const mark = path.indexOf('?')
  if (mark < 0 || !path.includes('connect=v1', mark)) return null
  const query = new URLSearchParams(path.slice(mark + 1))
  if (query.get('connect') !== 'v1') return null
  const message = query.get('message') ?? ''
  const compression = query.get('compression') ?? ''
  headers.method = 'POST'
  headers.path = path.slice(0, mark)
  rename(headers, ACCEPT_ENCODING, GRPC_ACCEPT_ENCODING)
  becomeGrpc(headers, (query.get('encoding') ?? '').replace(/[^\w.+-]/g, ''))
  headers.set(GRPC_ENCODING, compression === '' ? 'identity' : compression.replace(/[^\w.-]/g, ''))
  return {
    kind: 'unary',
    flags: flagsOf(headers.get(GRPC_ENCODING)),
    message: query.get('base64') === '1' ? Buffer.from(message, 'base64url') : Buffer.from(message, 'utf8'),
  }
}

function becomeGrpc(headers: HeaderMap, format: string): void {
  headers.set(CONTENT_TYPE, `application/grpc+${format}`)
  const timeout = headers.get(TIMEOUT_MS)
  if (timeout !== undefined && /^\d{1,15}$/.test(timeout)) {
    headers.set(GRPC_TIMEOUT, formatGrpcTimeout(Number(timeout)))
    headers.remove(TIMEOUT_MS)
  }
  headers.remove(PROTOCOL_VERSION)
  headers.set(TE, 'trailers')
  headers.remove(CONTENT_LENGTH)
}

const flagsOf = (encoding: string | undefined): number =>
  encoding === undefined || encoding === 'identity' ? 0 : COMPRESSED

export function rename(headers: HeaderMap, from: HeaderName, to: HeaderName): void {
  const values = headers.getAll(from)
  if (values.length === 0) return
  headers.remove(from)
  for (const value of values) headers.append(to, value)
}
