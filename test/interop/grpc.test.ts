// Real gRPC clients and servers, each once without the proxy and once through it: what works there works here.
import { readFileSync } from 'node:fs'
import { after, before, describe } from 'node:test'
import * as grpc from '@grpc/grpc-js'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster, TestAuthority } from '../harness/index.ts'
import { grpcJsSuite } from './grpc-js-client.ts'
import { GrpcJsServer } from './grpc-js-server.ts'

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const HTTP_OPTIONS = 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

const http2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': HTTP_OPTIONS,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}
const tlsSocket = (type: string, config: object): object => ({
  transport_socket: {
    name: 'envoy.transport_sockets.tls',
    typed_config: { '@type': `${TLS}.${type}`, ...config },
  },
})

const authority = new TestAuthority()
const certificate = authority.issue('localhost', { sans: 'DNS:localhost,IP:127.0.0.1' })
let proxy: ProxyProcess
let plain: GrpcJsServer
let secured: GrpcJsServer
let ports: readonly number[] = []

before(async () => {
  plain = await GrpcJsServer.start()
  secured = await GrpcJsServer.start({}, certificate)
  ports = await freePorts(2)
  const pair = { certificate_chain: { filename: certificate.cert }, private_key: { filename: certificate.key } }
  const downstream = tlsSocket('DownstreamTlsContext', {
    common_tls_context: { tls_certificates: [pair], alpn_protocols: ['h2', 'http/1.1'] },
  })
  const upstream = tlsSocket('UpstreamTlsContext', {
    sni: 'localhost',
    common_tls_context: { validation_context: { trusted_ca: { filename: authority.ca } } },
  })
  const route = (cluster: string) => [{ match: { prefix: '/' }, route: { cluster, timeout: '0s' } }]
  const outer = httpListener({ port: ports[1]!, routes: route('secured') }) as { filter_chains: object[] }
  proxy = await ProxyProcess.start(
    bootstrap(
      [
        httpListener({ port: ports[0]!, routes: route('plain') }),
        { ...outer, filter_chains: [{ ...outer.filter_chains[0], ...downstream }] },
      ],
      [staticCluster('plain', plain.port, http2), staticCluster('secured', secured.port, { ...http2, ...upstream })],
    ),
  )
})
after(async () => {
  await proxy?.stop()
  plain?.stop()
  secured?.stop()
  authority[Symbol.dispose]()
})

describe('grpc-js, without the proxy', () => {
  grpcJsSuite(() => ({
    address: `127.0.0.1:${plain.port}`,
    credentials: grpc.credentials.createInsecure(),
    server: plain,
  }))
})

describe('grpc-js, h2c on both sides', () => {
  grpcJsSuite(() => ({
    address: `127.0.0.1:${ports[0]}`,
    credentials: grpc.credentials.createInsecure(),
    server: plain,
  }))
})

describe('grpc-js, TLS on both sides', () => {
  grpcJsSuite(() => ({
    address: `localhost:${ports[1]}`,
    credentials: grpc.credentials.createSsl(readFileSync(authority.ca)),
    server: secured,
  }))
})
