// HOT FILE (docs/hot-path.md): the names the proxy itself reads; each has a presence bit in every HeaderMap.
import { HeaderName } from './header-name.ts'

// Word 0: asked for on nearly every message.
const WORD_0 = [
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'proxy-connection',
  'te',
  'upgrade',
  'expect',
  'referer',
  'date',
  'server',
  'content-type',
  'user-agent',
  'via',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-request-id',
  'x-client-trace-id',
  'x-envoy-internal',
  'x-envoy-external-address',
  'x-envoy-upstream-service-time',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-attempt-count',
  'grpc-timeout',
  'trailer',
  'location',
  'x-envoy-immediate-health-check-fail',
  'grpc-status',
] as const

// Word 1: headers that steer the proxy or that only it may set; most requests carry none of them.
const WORD_1 = [
  'x-envoy-retriable-status-codes',
  'x-envoy-retriable-header-names',
  'x-envoy-retry-on',
  'x-envoy-retry-grpc-on',
  'x-envoy-max-retries',
  'x-envoy-upstream-alt-stat-name',
  'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms',
  'x-envoy-upstream-rq-timeout-alt-response',
  'x-envoy-upstream-stream-duration-ms',
  'x-envoy-force-trace',
  'x-envoy-ip-tags',
  'x-envoy-original-url',
  'x-envoy-original-path',
  'x-envoy-original-host',
  'x-envoy-hedge-on-per-try-timeout',
  'x-envoy-decorator-operation',
  'x-envoy-downstream-service-cluster',
  'x-envoy-downstream-service-node',
  'x-envoy-overloaded',
  'x-envoy-ratelimited',
  'x-envoy-upstream-canary',
  'x-envoy-is-timeout-retry',
  'grpc-message',
  'x-forwarded-client-cert',
  'x-envoy-degraded',
  'vary',
  'accept',
  'accept-encoding',
  'authorization',
  'cache-control',
  'origin',
] as const

// Word 2: nothing here asks for them; several lines of one become one line, see `joinsLines`.
const WORD_2 = [
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-allow-private-network',
  'access-control-expose-headers',
  'access-control-max-age',
  'access-control-request-headers',
  'access-control-request-method',
  'access-control-request-private-network',
  'age',
  'cdn-loop',
  'content-encoding',
  'etag',
  'expires',
  'grpc-accept-encoding',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'pragma',
  'proxy-status',
] as const

type KnownText = (typeof WORD_0)[number] | (typeof WORD_1)[number] | (typeof WORD_2)[number]

const word = (names: readonly string[]): string[] => [...names, ...new Array<string>(32 - names.length).fill('')]
const padded = [...word(WORD_0), ...word(WORD_1), ...word(WORD_2)]
const all = HeaderName.known(padded)
const byText = new Map(all.map(name => [name.text, name]))
const named = (text: KnownText): HeaderName => byText.get(text) as HeaderName

export const HOST = named('host')
export const CONNECTION = named('connection')
export const CONTENT_LENGTH = named('content-length')
export const TRANSFER_ENCODING = named('transfer-encoding')
export const KEEP_ALIVE = named('keep-alive')
export const PROXY_CONNECTION = named('proxy-connection')
export const TE = named('te')
export const UPGRADE = named('upgrade')
export const EXPECT = named('expect')
export const REFERER = named('referer')
export const DATE = named('date')
export const SERVER = named('server')
export const CONTENT_TYPE = named('content-type')
export const USER_AGENT = named('user-agent')
export const VIA = named('via')
export const PROXY_STATUS = named('proxy-status')
export const TRAILER = named('trailer')
export const LOCATION = named('location')
export const X_FORWARDED_FOR = named('x-forwarded-for')
export const X_FORWARDED_PROTO = named('x-forwarded-proto')
export const X_FORWARDED_HOST = named('x-forwarded-host')
export const X_FORWARDED_PORT = named('x-forwarded-port')
export const X_FORWARDED_CLIENT_CERT = named('x-forwarded-client-cert')
export const X_REQUEST_ID = named('x-request-id')
export const X_CLIENT_TRACE_ID = named('x-client-trace-id')
export const X_ENVOY_INTERNAL = named('x-envoy-internal')
export const X_ENVOY_EXTERNAL_ADDRESS = named('x-envoy-external-address')
export const X_ENVOY_UPSTREAM_SERVICE_TIME = named('x-envoy-upstream-service-time')
export const X_ENVOY_EXPECTED_RQ_TIMEOUT_MS = named('x-envoy-expected-rq-timeout-ms')
export const X_ENVOY_ATTEMPT_COUNT = named('x-envoy-attempt-count')
export const X_ENVOY_IMMEDIATE_HEALTH_CHECK_FAIL = named('x-envoy-immediate-health-check-fail')
export const X_ENVOY_RETRIABLE_STATUS_CODES = named('x-envoy-retriable-status-codes')
export const X_ENVOY_RETRIABLE_HEADER_NAMES = named('x-envoy-retriable-header-names')
export const X_ENVOY_RETRY_ON = named('x-envoy-retry-on')
export const X_ENVOY_RETRY_GRPC_ON = named('x-envoy-retry-grpc-on')
export const X_ENVOY_MAX_RETRIES = named('x-envoy-max-retries')
export const X_ENVOY_UPSTREAM_ALT_STAT_NAME = named('x-envoy-upstream-alt-stat-name')
export const X_ENVOY_UPSTREAM_RQ_TIMEOUT_MS = named('x-envoy-upstream-rq-timeout-ms')
export const X_ENVOY_UPSTREAM_RQ_PER_TRY_TIMEOUT_MS = named('x-envoy-upstream-rq-per-try-timeout-ms')
export const X_ENVOY_UPSTREAM_RQ_TIMEOUT_ALT_RESPONSE = named('x-envoy-upstream-rq-timeout-alt-response')
export const X_ENVOY_UPSTREAM_STREAM_DURATION_MS = named('x-envoy-upstream-stream-duration-ms')
export const X_ENVOY_FORCE_TRACE = named('x-envoy-force-trace')
export const X_ENVOY_IP_TAGS = named('x-envoy-ip-tags')
export const X_ENVOY_ORIGINAL_URL = named('x-envoy-original-url')
export const X_ENVOY_ORIGINAL_PATH = named('x-envoy-original-path')
export const X_ENVOY_ORIGINAL_HOST = named('x-envoy-original-host')
export const X_ENVOY_HEDGE_ON_PER_TRY_TIMEOUT = named('x-envoy-hedge-on-per-try-timeout')
export const X_ENVOY_DECORATOR_OPERATION = named('x-envoy-decorator-operation')
export const X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER = named('x-envoy-downstream-service-cluster')
export const X_ENVOY_DOWNSTREAM_SERVICE_NODE = named('x-envoy-downstream-service-node')
export const X_ENVOY_OVERLOADED = named('x-envoy-overloaded')
export const X_ENVOY_RATELIMITED = named('x-envoy-ratelimited')
export const X_ENVOY_UPSTREAM_CANARY = named('x-envoy-upstream-canary')
export const X_ENVOY_IS_TIMEOUT_RETRY = named('x-envoy-is-timeout-retry')
export const X_ENVOY_DEGRADED = named('x-envoy-degraded')
export const ACCEPT = named('accept')
export const GRPC_TIMEOUT = named('grpc-timeout')
export const GRPC_STATUS = named('grpc-status')
export const GRPC_MESSAGE = named('grpc-message')

// Envoy joins several lines of a name it knows, of requests and of responses each their own.
const RESPONSE_ONLY: readonly KnownText[] = [
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
  'access-control-allow-private-network',
  'access-control-expose-headers',
  'access-control-max-age',
  'age',
  'date',
  'etag',
  'expires',
  'grpc-message',
  'grpc-status',
  'last-modified',
  'location',
  'server',
  'vary',
  'x-envoy-degraded',
  'x-envoy-immediate-health-check-fail',
  'x-envoy-ratelimited',
  'x-envoy-upstream-canary',
  'x-envoy-upstream-service-time',
]
const REQUEST_ONLY: readonly KnownText[] = [
  'accept',
  'accept-encoding',
  'access-control-request-headers',
  'access-control-request-method',
  'access-control-request-private-network',
  'authorization',
  'cdn-loop',
  'expect',
  'grpc-accept-encoding',
  'grpc-timeout',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'origin',
  'pragma',
  'referer',
  'te',
  'user-agent',
  'x-client-trace-id',
  'x-envoy-expected-rq-timeout-ms',
  'x-envoy-ip-tags',
  'x-envoy-original-path',
  'x-envoy-overloaded',
  'x-forwarded-client-cert',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
]
const apartInRequests = new Set([TRAILER, ...RESPONSE_ONLY.map(named)])
const apartInResponses = new Set([TRAILER, ...REQUEST_ONLY.map(named)])

/** Whether several lines of `name` become one line, their values behind commas. */
export function joinsLines(name: HeaderName, inResponse: boolean): boolean {
  return !(inResponse ? apartInResponses : apartInRequests).has(name)
}

// Open addressing over the fingerprints: one probe for nearly every name.
const SLOTS = 512
const table: (HeaderName | undefined)[] = new Array(SLOTS)
const spread = (print: number): number => (Math.imul(print, 0x9e3779b1) >>> 23) & (SLOTS - 1)
for (const name of all) {
  if (name.text === '') continue
  let slot = spread(name.print)
  while (table[slot] !== undefined) slot = (slot + 1) & (SLOTS - 1)
  table[slot] = name
}

/** The known name that bytes [start, end) are, or undefined. `print` is their fingerprint. */
export function knownName(bytes: Uint8Array, start: number, end: number, print: number): HeaderName | undefined {
  let slot = spread(print)
  for (;;) {
    const name = table[slot]
    if (name === undefined) return undefined
    if (name.print === print && name.matches(bytes, start, end)) return name
    slot = (slot + 1) & (SLOTS - 1)
  }
}
