// Real gRPC clients and servers, each once without the proxy and once through it: what works there works here.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import * as grpc from '@grpc/grpc-js'
import {
  bootstrap,
  type CertificateFiles,
  freePorts,
  httpListener,
  ProxyProcess,
  staticCluster,
  TestAuthority,
} from '../harness/index.ts'
import { grpcJsSuite } from './grpc-js-client.ts'
import { GrpcJsServer, METHODS } from './grpc-js-server.ts'

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
const client = authority.issue('client')
const inFiles = (pair: CertificateFiles): object => ({
  certificate_chain: { filename: pair.cert },
  private_key: { filename: pair.key },
})
const trusted = { validation_context: { trusted_ca: { filename: authority.ca } } }
let proxy: ProxyProcess
let plain: GrpcJsServer
let secured: GrpcJsServer
let mutual: GrpcJsServer
let ports: readonly number[] = []

before(async () => {
  plain = await GrpcJsServer.start()
  secured = await GrpcJsServer.start({}, certificate)
  mutual = await GrpcJsServer.start({}, { ...certificate, clientCa: authority.ca })
  ports = await freePorts(3)
  const own = { tls_certificates: [inFiles(certificate)], alpn_protocols: ['h2', 'http/1.1'] }
  const route = (cluster: string) => [{ match: { prefix: '/' }, route: { cluster, timeout: '0s' } }]
  const behind = (port: number, cluster: string, context: object): object => {
    const plainListener = httpListener({ port, routes: route(cluster) }) as { filter_chains: object[] }
    const socket = tlsSocket('DownstreamTlsContext', context)
    return { ...plainListener, filter_chains: [{ ...plainListener.filter_chains[0], ...socket }] }
  }
  const upstream = (context: object): object =>
    tlsSocket('UpstreamTlsContext', { sni: 'localhost', common_tls_context: { ...trusted, ...context } })
  proxy = await ProxyProcess.start(
    bootstrap(
      [
        httpListener({ port: ports[0]!, routes: route('plain') }),
        behind(ports[1]!, 'secured', { common_tls_context: own }),
        behind(ports[2]!, 'mutual', {
          require_client_certificate: true,
          common_tls_context: { ...own, ...trusted },
        }),
      ],
      [
        staticCluster('plain', plain.port, http2),
        staticCluster('secured', secured.port, { ...http2, ...upstream({}) }),
        staticCluster('mutual', mutual.port, { ...http2, ...upstream({ tls_certificates: [inFiles(client)] }) }),
      ],
    ),
  )
})
after(async () => {
  await proxy?.stop()
  plain?.stop()
  secured?.stop()
  mutual?.stop()
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

const mutualCredentials = (): grpc.ChannelCredentials =>
  grpc.credentials.createSsl(readFileSync(authority.ca), readFileSync(client.key), readFileSync(client.cert))

describe('grpc-js, client certificates on both sides', () => {
  grpcJsSuite(() => ({ address: `localhost:${ports[2]}`, credentials: mutualCredentials(), server: mutual }))

  test('a client without one is told that the service is not to be had', async () => {
    const stranger = new grpc.Client(`localhost:${ports[2]}`, grpc.credentials.createSsl(readFileSync(authority.ca)))
    const error = await new Promise<grpc.ServiceError | null>(resolve => {
      const raw = (bytes: Buffer): Buffer => bytes
      stranger.makeUnaryRequest(METHODS.Echo.path, raw, raw, Buffer.alloc(0), error => resolve(error))
    })
    assert.equal(error?.code, grpc.status.UNAVAILABLE)
    stranger.close()
  })
})
