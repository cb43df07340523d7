// Connect, gRPC and gRPC-Web between HTTP/1.1 and HTTP/2: each combination that works without the proxy, through it.
import { after, before, describe } from 'node:test'
import type { Transport } from '@connectrpc/connect'
import {
  type ConnectTransportOptions,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node'
import { createGrpcWebTransport as createBrowserGrpcWebTransport } from '@connectrpc/connect-web'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../harness/index.ts'
import { connectSuite } from './connect-client.ts'
import { ConnectServer } from './connect-server.ts'
import { GrpcJsServer } from './grpc-js-server.ts'

const HTTP_OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const FILTERS = 'type.googleapis.com/envoy.extensions.filters.http'
const http2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': HTTP_OPTIONS,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}

let proxy: ProxyProcess
let h1: ConnectServer
let h2: ConnectServer
let grpcOnly: GrpcJsServer
const ports = new Map<string, number>()

before(async () => {
  ;[h1, h2, grpcOnly] = await Promise.all([ConnectServer.start(1), ConnectServer.start(2), GrpcJsServer.start()])
  const names = ['h1', 'h2', 'web', 'bridge']
  const free = await freePorts(names.length)
  for (const [i, name] of names.entries()) ports.set(name, free[i]!)
  const route = (cluster: string) => [{ match: { prefix: '/' }, route: { cluster, timeout: '0s' } }]
  const router = { name: 'router', typed_config: { '@type': `${FILTERS}.router.v3.Router` } }
  const bridge = { name: 'bridge', typed_config: { '@type': `${FILTERS}.connect_grpc_bridge.v3.FilterConfig` } }
  const web = { name: 'web', typed_config: { '@type': `${FILTERS}.grpc_web.v3.GrpcWeb` } }
  proxy = await ProxyProcess.start(
    bootstrap(
      [
        httpListener({ port: ports.get('h1')!, routes: route('h1') }),
        httpListener({ port: ports.get('h2')!, routes: route('h2') }),
        {
          ...httpListener({
            port: ports.get('bridge')!,
            routes: route('grpc'),
            hcm: { http_filters: [bridge, router] },
          }),
          // Unary messages are held whole.
          per_connection_buffer_limit_bytes: 32 * 1024 * 1024,
        },
        httpListener({ port: ports.get('web')!, routes: route('grpc'), hcm: { http_filters: [web, router] } }),
      ],
      [staticCluster('h1', h1.port), staticCluster('h2', h2.port, http2), staticCluster('grpc', grpcOnly.port, http2)],
    ),
  )
})
after(async () => {
  await proxy?.stop()
  h1?.stop()
  h2?.stop()
  grpcOnly?.stop()
})

const LIMITS = { readMaxBytes: 0xffffffff, writeMaxBytes: 0xffffffff }
const over = (port: number, httpVersion: '1.1' | '2') =>
  ({ baseUrl: `http://127.0.0.1:${port}`, httpVersion, ...LIMITS }) as ConnectTransportOptions & { httpVersion: '2' }

const PROTOCOLS: Readonly<Record<string, (port: number, version: '1.1' | '2') => Transport>> = {
  Connect: (port, version) => createConnectTransport(over(port, version)),
  'Connect with JSON': (port, version) => createConnectTransport({ ...over(port, version), useBinaryFormat: false }),
  'gRPC-Web': (port, version) => createGrpcWebTransport(over(port, version)),
}

const cancelledAt = (server: { onCancel: (() => void) | null }) => (): Promise<void> =>
  new Promise(resolve => {
    server.onCancel = resolve
  })

for (const [name, transport] of Object.entries(PROTOCOLS)) {
  for (const [down, up] of [
    ['1.1', 'h1'],
    ['1.1', 'h2'],
    ['2', 'h1'],
    ['2', 'h2'],
  ] as const) {
    const streams = down === '2' && up === 'h2' ? 'full' : 'half'
    describe(`${name}, HTTP/${down} to ${up}`, () => {
      connectSuite(() => {
        const server = up === 'h1' ? h1 : h2
        return { transport: transport(ports.get(up)!, down), cancelled: cancelledAt(server) }
      }, streams)
    })
  }
}

describe('gRPC of connect-node, HTTP/2 to h2', () => {
  connectSuite(
    () => ({ transport: createGrpcTransport(over(ports.get('h2')!, '2')), cancelled: cancelledAt(h2) }),
    'full',
  )
})

describe('without the proxy', () => {
  connectSuite(() => ({ transport: createConnectTransport(over(h2.port, '2')), cancelled: cancelledAt(h2) }), 'full')
})

describe('a browser’s gRPC-Web client to a server of gRPC alone', () => {
  connectSuite(
    () => ({
      transport: createBrowserGrpcWebTransport({ baseUrl: `http://127.0.0.1:${ports.get('web')}` }),
      cancelled: cancelledAt(grpcOnly.seen),
    }),
    'server',
  )
})

for (const version of ['1.1', '2'] as const) {
  describe(`a Connect client over HTTP/${version} to a server of gRPC alone`, () => {
    connectSuite(
      () => ({
        transport: createConnectTransport(over(ports.get('bridge')!, version)),
        cancelled: cancelledAt(grpcOnly.seen),
      }),
      version === '2' ? 'full' : 'half',
    )
  })
}
