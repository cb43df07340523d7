// What people have at hand: curl, nghttp, h2load and grpcurl, through the proxy in clear, over TLS and over mutual TLS, to
// origins of HTTP/1.1 and HTTP/2. A tool that is not installed is skipped by name.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer as createHttp1, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster, TestAuthority } from '../harness/index.ts'
import { GrpcJsServer } from './grpc-js-server.ts'
import { DESCRIPTORS } from './shop.ts'

const CONTEXT = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const BIG_BYTES = 3 * 1024 * 1024
const REQUESTS = 2000
const http2Options = {
  typed_extension_protocol_options: {
    [HTTP_OPTIONS]: {
      '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
}

const MODES = ['clear', 'TLS', 'mutual TLS'] as const
type Mode = (typeof MODES)[number]
const ORIGINS = ['h1', 'h2'] as const

const missing = (tool: string, argument = '--version'): string | false =>
  spawnSync(tool, [argument]).error === undefined ? false : `skipped: no ${tool}`

describe('command line clients', () => {
  const authority = new TestAuthority()
  const server = authority.issue('localhost', { sans: 'DNS:localhost,IP:127.0.0.1' })
  const client = authority.issue('client')
  const servers: (Server | Http2Server)[] = []
  const ports = new Map<string, number>()
  const big = Buffer.alloc(BIG_BYTES, 'abcdefg')
  const bigFile = join(authority.folder, 'big')
  let grpc: GrpcJsServer
  let proxy: ProxyProcess

  before(async () => {
    writeFileSync(bigFile, big)
    // The compatibility API of HTTP/2 takes the same listener.
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      if (request.method === 'POST') request.pipe(response)
      else response.end(request.url === '/big' ? big : 'hello')
    }
    for (const made of [createHttp1(answer), createHttp2(answer as never)]) {
      servers.push(made.listen(0, '127.0.0.1'))
      await once(made, 'listening')
      made.unref()
    }
    grpc = await GrpcJsServer.start()
    const names = MODES.flatMap(mode => [...ORIGINS, 'grpc'].map(origin => `${mode} ${origin}`))
    const free = await freePorts(names.length)
    for (const [i, name] of names.entries()) ports.set(name, free[i]!)
    const listeners = names.map(name => {
      const mode = MODES.find(each => name.startsWith(`${each} `)) as Mode
      const cluster = name.slice(mode.length + 1)
      const routes = [{ match: { prefix: '/' }, route: { cluster, timeout: '0s' } }]
      return secured(httpListener({ port: ports.get(name)!, routes }), mode)
    })
    const [h1, h2] = servers.map(each => (each.address() as AddressInfo).port) as [number, number]
    const clusters = [
      staticCluster('h1', h1),
      staticCluster('h2', h2, http2Options),
      staticCluster('grpc', grpc.port, http2Options),
    ]
    proxy = await ProxyProcess.start(bootstrap(listeners, clusters))
  })
  after(async () => {
    await proxy?.stop()
    grpc?.stop()
    for (const each of servers) each.close()
    authority[Symbol.dispose]()
  })

  function secured(listener: object, mode: Mode): object {
    if (mode === 'clear') return listener
    const pair = { certificate_chain: { filename: server.cert }, private_key: { filename: server.key } }
    const mutual = { validation_context: { trusted_ca: { filename: authority.ca } } }
    const context = {
      '@type': CONTEXT,
      require_client_certificate: mode === 'mutual TLS',
      common_tls_context: {
        tls_certificates: [pair],
        alpn_protocols: ['h2', 'http/1.1'],
        ...(mode === 'mutual TLS' ? mutual : {}),
      },
    }
    const [chain] = (listener as { filter_chains: object[] }).filter_chains
    return {
      ...listener,
      filter_chains: [{ ...chain, transport_socket: { name: 'tls', typed_config: context } }],
    }
  }

  const url = (mode: Mode, origin: string, path: string): string =>
    `${mode === 'clear' ? 'http' : 'https'}://localhost:${ports.get(`${mode} ${origin}`)}${path}`

  async function run(tool: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    return await promisify(execFile)(tool, args, { timeout: 30_000, maxBuffer: 4 * BIG_BYTES, encoding: 'latin1' })
  }

  for (const mode of MODES) {
    const trust = mode === 'clear' ? [] : ['--cacert', authority.ca]
    const identity = mode === 'mutual TLS' ? ['--cert', client.cert, '--key', client.key] : []
    for (const origin of ORIGINS) {
      describe(`${mode}, to ${origin}`, () => {
        for (const version of ['--http1.1', mode === 'clear' ? '--http2-prior-knowledge' : '--http2']) {
          test(`curl ${version}`, { skip: missing('curl') }, async () => {
            const curl = (...args: string[]) => run('curl', ['-sS', version, ...trust, ...identity, ...args])
            const shown = await curl('-w', ' %{http_code} %{http_version}', url(mode, origin, '/'))
            assert.equal(shown.stdout, `hello 200 ${version === '--http1.1' ? '1.1' : '2'}`)
            const down = await curl(url(mode, origin, '/big'))
            assert.equal(sha256(down.stdout), sha256(big))
            const up = await curl('--data-binary', `@${bigFile}`, url(mode, origin, '/echo'))
            assert.equal(sha256(up.stdout), sha256(big))
            const head = await curl('-I', url(mode, origin, '/'))
            assert.match(head.stdout, /^HTTP\/[\d.]+ 200/)
          })
        }

        test('h2load', {
          skip: missing('h2load') || (mode === 'mutual TLS' && 'skipped: h2load has no certificates'),
        }, async () => {
          const { stdout } = await run('h2load', ['-n', String(REQUESTS), '-c4', '-m20', url(mode, origin, '/')])
          assert.match(stdout, new RegExp(`requests: ${REQUESTS} total.* ${REQUESTS} succeeded, 0 failed, 0 errored`))
          assert.match(stdout, new RegExp(`status codes: ${REQUESTS} 2xx`))
        })

        test('nghttp', { skip: missing('nghttp') }, async () => {
          const certificate = mode === 'mutual TLS' ? [`--cert=${client.cert}`, `--key=${client.key}`] : []
          const several = ['/', '/big', '/third'].map(path => url(mode, origin, path))
          const { stdout } = await run('nghttp', ['--no-verify-peer', ...certificate, ...several])
          assert.equal(stdout.length, BIG_BYTES + 2 * 'hello'.length)
        })
      })
    }

    test(`${mode}: Go’s gRPC client, grpcurl`, { skip: missing('grpcurl', '-version') }, async () => {
      const trusted = mode === 'clear' ? ['-plaintext'] : ['-cacert', authority.ca]
      const own = mode === 'mutual TLS' ? ['-cert', client.cert, '-key', client.key] : []
      const address = `localhost:${ports.get(`${mode} grpc`)}`
      const call = (method: string, json: string, ...more: string[]) =>
        run('grpcurl', [
          ...trusted,
          ...own,
          '-protoset',
          DESCRIPTORS,
          ...more,
          '-d',
          json,
          address,
          `shop.v1.Shop/${method}`,
        ])
      const unary = await call('Echo', '{"id": "7", "name": "n"}', '-v', '-H', 'x-ask: a b')
      assert.match(unary.stdout, /"id": "7",\s+"name": "n"/)
      assert.match(unary.stdout, /x-begin: a b[\s\S]*x-end: a b/)
      const watched = await call('Watch', '{"pageSize": 20}')
      assert.equal(watched.stdout.match(/"id": "\d+"/g)?.length, 20)
      const created = await call('CreateMany', '{"name": "a"} {"name": "b"}')
      assert.match(created.stdout, /"next": "a,b"/)
      const chat = await call('Chat', '{"id": "1"} {"id": "2"}')
      assert.equal(chat.stdout.match(/"id": "\d"/g)?.length, 2)
      const failed = (error: { stderr: string }) => /NotFound/.test(error.stderr)
      await assert.rejects(call('Echo', '{"name": "fail"}'), failed)
      await assert.rejects(call('Echo', '{"name": "hang"}', '-max-time', '0.3'), (error: { stderr: string }) =>
        /DeadlineExceeded/.test(error.stderr),
      )
    })
  }
})

function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256')
    .update(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    .digest('hex')
}
