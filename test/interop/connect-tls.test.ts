// Connect, gRPC and gRPC-Web over TLS and with client certificates: what works without the proxy works through it.
import { readFileSync } from 'node:fs'
import { after, before, describe } from 'node:test'
import tls from 'node:tls'
import type { Transport } from '@connectrpc/connect'
import {
  type ConnectTransportOptions,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from '@connectrpc/connect-node'
import { createGrpcWebTransport as createBrowserGrpcWebTransport } from '@connectrpc/connect-web'
import { bootstrap, freePorts, ProxyProcess, staticCluster, TestAuthority } from '../harness/index.ts'
import { downstreamTls, identity, pair, securedListener, upstreamTls } from '../integration/tls/kit.ts'
import { connectSuite } from './connect-client.ts'
import { ConnectServer } from './connect-server.ts'
import { GrpcJsServer } from './grpc-js-server.ts'

const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const FILTERS = 'type.googleapis.com/envoy.extensions.filters.http'
const LIMITS = { readMaxBytes: 0xffffffff, writeMaxBytes: 0xffffffff }
const speaks = (version: 1 | 2): object => ({
  typed_extension_protocol_options: {
    [HTTP_OPTIONS]: {
      '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
      explicit_http_config: version === 2 ? { http2_protocol_options: {} } : { http_protocol_options: {} },
    },
  },
})

const authority = new TestAuthority()
const server = authority.issue('localhost', { sans: 'DNS:localhost,IP:127.0.0.1' })
const client = authority.issue('client')
const ca = readFileSync(authority.ca)
let proxy: ProxyProcess
let h1: ConnectServer
let h2: ConnectServer
let grpcOnly: GrpcJsServer
const FACES = ['tls h1', 'tls h2', 'mutual h1', 'mutual h2', 'web'] as const
type Face = (typeof FACES)[number]
let ports: readonly number[] = []
const portOf = (face: Face): number => ports[FACES.indexOf(face)]!

function listener(face: Face): object {
  const mutual = face.startsWith('mutual')
  const trusted = { validation_context: { trusted_ca: { filename: authority.ca } } }
  const web = { name: 'web', typed_config: { '@type': `${FILTERS}.grpc_web.v3.GrpcWeb` } }
  const router = { name: 'router', typed_config: { '@type': `${FILTERS}.router.v3.Router` } }
  return securedListener({
    port: portOf(face),
    routes: [{ match: { prefix: '/' }, route: { cluster: face.split(' ').at(-1), timeout: '0s' } }],
    hcm: face === 'web' ? { http_filters: [web, router] } : {},
    tls: downstreamTls({
      require_client_certificate: mutual,
      common_tls_context: {
        tls_certificates: [pair(server)],
        alpn_protocols: ['h2', 'http/1.1'],
        ...(mutual ? trusted : {}),
      },
    }),
  })
}

before(async () => {
  const serverTls = { ...identity(server), ca }
  ;[h1, h2, grpcOnly] = await Promise.all([
    ConnectServer.start(1, serverTls),
    ConnectServer.start(2, serverTls),
    GrpcJsServer.start({}, { ...server, clientCa: authority.ca }),
  ])
  ports = await freePorts(FACES.length)
  const upstream = {
    transport_socket: upstreamTls({
      sni: 'localhost',
      common_tls_context: {
        tls_certificates: [pair(client)],
        validation_context: { trusted_ca: { filename: authority.ca } },
      },
    }),
  }
  proxy = await ProxyProcess.start(
    bootstrap(FACES.map(listener), [
      staticCluster('h1', h1.port, { ...speaks(1), ...upstream }),
      staticCluster('h2', h2.port, { ...speaks(2), ...upstream }),
      staticCluster('web', grpcOnly.port, { ...speaks(2), ...upstream }),
    ]),
  )
})
after(async () => {
  await proxy?.stop()
  h1?.stop()
  h2?.stop()
  grpcOnly?.stop()
  authority[Symbol.dispose]()
})

const cancelledAt = (target: { onCancel: (() => void) | null }) => (): Promise<void> =>
  new Promise(resolve => {
    target.onCancel = resolve
  })
const over = (port: number, httpVersion: '1.1' | '2', mutual: boolean) =>
  ({
    baseUrl: `https://localhost:${port}`,
    httpVersion,
    nodeOptions: { ca, ...(mutual ? identity(client) : {}) },
    ...LIMITS,
  }) as ConnectTransportOptions & { httpVersion: '2' }

const PROTOCOLS: Readonly<Record<string, (options: ReturnType<typeof over>) => Transport>> = {
  Connect: createConnectTransport,
  gRPC: createGrpcTransport,
  'gRPC-Web': createGrpcWebTransport,
}
/** Client and origin speak the same version here; connect.test.ts has the others. */
const COMBINATIONS: readonly (readonly [protocol: string, version: '1.1' | '2', mutual: boolean])[] = [
  ['Connect', '1.1', false],
  ['Connect', '1.1', true],
  ['Connect', '2', false],
  ['Connect', '2', true],
  ['gRPC', '2', false],
  ['gRPC', '2', true],
  ['gRPC-Web', '1.1', false],
  ['gRPC-Web', '1.1', true],
  ['gRPC-Web', '2', false],
  ['gRPC-Web', '2', true],
]

for (const [protocol, version, mutual] of COMBINATIONS) {
  const origin = version === '2' ? 'h2' : 'h1'
  const face = `${mutual ? 'mutual' : 'tls'} ${origin}` as Face
  describe(`${protocol}, HTTP/${version}, ${mutual ? 'client certificates' : 'TLS'}`, () => {
    connectSuite(
      () => ({
        transport: PROTOCOLS[protocol]!(over(portOf(face), version, mutual)),
        cancelled: cancelledAt(origin === 'h2' ? h2 : h1),
      }),
      version === '2' ? 'full' : 'half',
    )
  })
}

describe('a browser’s gRPC-Web client over TLS to a server of gRPC alone', () => {
  before(() => tls.setDefaultCACertificates([...tls.getCACertificates('default'), ca.toString()]))
  connectSuite(
    () => ({
      transport: createBrowserGrpcWebTransport({ baseUrl: `https://localhost:${portOf('web')}` }),
      cancelled: cancelledAt(grpcOnly.seen),
    }),
    'server',
  )
})

describe('without the proxy, with client certificates', () => {
  connectSuite(
    () => ({ transport: createConnectTransport(over(h2.port, '2', true)), cancelled: cancelledAt(h2) }),
    'full',
  )
})
