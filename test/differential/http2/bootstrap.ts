// Units of exchanges between HTTP/2, HTTP/1.1 and TCP, and the proxy's configuration for them.
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { socketAddress, staticCluster } from '../../harness/index.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const LOG =
  '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %RESPONSE_CODE% flags=%RESPONSE_FLAGS% details=%RESPONSE_CODE_DETAILS% ' +
  'rx=%BYTES_RECEIVED% tx=%BYTES_SENT% %PROTOCOL% %REQ(:METHOD)% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT%'
const TCP_LOG =
  '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %RESPONSE_CODE% flags=%RESPONSE_FLAGS% details=%RESPONSE_CODE_DETAILS% ' +
  'rx=%BYTES_RECEIVED% tx=%BYTES_SENT% end=%CONNECTION_TERMINATION_DETAILS% ' +
  'failure=%UPSTREAM_TRANSPORT_FAILURE_REASON% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT%'

export interface Http2Case {
  readonly name: string
  readonly client: readonly string[]
  /** Of the client; in words as of `settings`. */
  readonly settings?: string
  /** What the origin does when it has been asked, per request; the last stays. Default: 200 `ok`. */
  readonly origin?: readonly (readonly string[])[]
  readonly originSettings?: string
  /** Responses that end; default: requests that the client begins. */
  readonly expect?: number
  readonly seen?: readonly string[]
}

export interface Http2Unit {
  readonly about: string
  readonly down: 'h1' | 'h2' | 'tcp'
  readonly up: 'h1' | 'h2' | 'tcp'
  readonly hcm?: object
  /** tcp_proxy stands in for the connection manager, with these fields. */
  readonly tcp?: object
  /** What log lines have besides. */
  readonly log?: string
  /** Frames of connections, such as SETTINGS, are shown too. */
  readonly frames?: boolean
  readonly routes?: readonly object[]
  /** Options of either codec. */
  readonly downOptions?: object
  readonly upOptions?: object
  readonly cluster?: object
  readonly cases: readonly Http2Case[]
}

export function readHttp2Answers(file: string): readonly Http2Unit[] {
  return parse(readFileSync(file, 'utf8')) as Http2Unit[]
}

export interface Placed {
  readonly unit: Http2Unit
  readonly slug: string
  readonly port: number
  readonly logFile: string
}

export type OriginPorts = Readonly<Record<'h1' | 'h2' | 'tcp', number>>

export const bootstrapOf = (placed: readonly Placed[], ports: OriginPorts): object => ({
  node: { id: 'front', cluster: 'edge' },
  static_resources: { listeners: placed.map(listener), clusters: placed.map(one => cluster(one, ports)) },
})

function accessLog({ unit, logFile }: Placed, format: string): object {
  const text_format_source = { inline_string: `${format}${unit.log ?? ''}\n` }
  return {
    name: 'file',
    typed_config: {
      '@type': `${TYPE}.access_loggers.file.v3.FileAccessLog`,
      path: logFile,
      log_format: { text_format_source },
    },
  }
}

function manager(placed: Placed): object {
  const { unit, slug } = placed
  const router = { name: 'router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } }
  const own = unit.down === 'h2' ? 'http2_protocol_options' : 'http_protocol_options'
  return {
    '@type': `${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: slug,
    codec_type: unit.down === 'h2' ? 'HTTP2' : 'HTTP1',
    delayed_close_timeout: '0.05s',
    stream_idle_timeout: '1s',
    [own]: unit.downOptions ?? (unit.down === 'h1' ? { enable_trailers: true } : {}),
    route_config: {
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: unit.routes ?? [{ match: { prefix: '/' }, route: { cluster: slug } }] },
      ],
    },
    http_filters: [router],
    access_log: [accessLog(placed, LOG)],
    ...unit.hcm,
  }
}

const tcpProxy = (placed: Placed): object => ({
  '@type': `${TYPE}.filters.network.tcp_proxy.v3.TcpProxy`,
  stat_prefix: placed.slug,
  cluster: placed.slug,
  access_log: [accessLog(placed, TCP_LOG)],
  ...placed.unit.tcp,
})

function listener(placed: Placed): object {
  const { unit, slug, port } = placed
  const filter = unit.down === 'tcp' ? tcpProxy(placed) : manager(placed)
  const text = JSON.stringify(filter).replaceAll('"CLUSTER"', JSON.stringify(slug))
  return {
    name: slug,
    address: socketAddress(port),
    filter_chains: [{ filters: [{ name: 'main', typed_config: JSON.parse(text) }] }],
  }
}

function cluster({ unit, slug }: Placed, ports: OriginPorts): object {
  const explicit =
    unit.up === 'h2'
      ? { http2_protocol_options: unit.upOptions ?? {} }
      : { http_protocol_options: unit.upOptions ?? { enable_trailers: true } }
  const options = { '@type': `type.googleapis.com/${HTTP_OPTIONS}`, explicit_http_config: explicit }
  return staticCluster(slug, ports[unit.up], {
    ...(unit.up === 'tcp' ? {} : { typed_extension_protocol_options: { [HTTP_OPTIONS]: options } }),
    ...unit.cluster,
  })
}
