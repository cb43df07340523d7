// h2spec, the conformance suite for HTTP/2 (RFC 7540 and 7541, strict), through the whole proxy.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import {
  answering,
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
  TestAuthority,
} from '../harness/index.ts'

const MODULE = 'github.com/summerwind/h2spec/cmd/h2spec@latest'
/** All of them; the release that Go finds by itself lacks a literal field whose name has an index beyond the table. */
const ALL_CASES = 147
const CASES_OF_RELEASE = 146
const RUNS = 3

/** Where h2spec is; with Go at hand it is installed. */
function findH2spec(): string | null {
  if (spawnSync('h2spec', ['--version']).status === 0) return 'h2spec'
  const go = spawnSync('go', ['env', 'GOPATH'], { encoding: 'utf8' })
  if (go.status !== 0) return null
  const installed = join(go.stdout.trim(), 'bin', 'h2spec')
  if (!existsSync(installed)) {
    spawnSync('go', ['install', MODULE], { env: { ...process.env, GOFLAGS: '' }, timeout: 60_000 })
  }
  return existsSync(installed) ? installed : null
}

const h2spec = findH2spec()

/** The listener behind TLS, with ALPN. */
function secured(listener: object, { cert, key }: { readonly cert: string; readonly key: string }): object {
  const context = {
    '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { filename: cert }, private_key: { filename: key } }],
      alpn_protocols: ['h2'],
    },
  }
  const [chain] = (listener as { filter_chains: object[] }).filter_chains
  const socket = { name: 'envoy.transport_sockets.tls', typed_config: context }
  return { ...listener, filter_chains: [{ ...chain, transport_socket: socket }] }
}

/** How many cases the installed tool has. */
function countCases(tool: string): number {
  return spawnSync(tool, ['-S', '--dryrun'], { encoding: 'utf8' }).stdout.match(/^\s+\d+: /gm)?.length ?? 0
}

describe('h2spec -S', { skip: h2spec === null ? 'skipped: no h2spec, and no Go to install it' : false }, () => {
  let proxy: ProxyProcess
  let origin: ScriptedOrigin
  let directPort = 0
  let proxiedPort = 0
  let tlsPort = 0
  let directTlsPort = 0
  let cases = 0
  const authority = new TestAuthority()

  before(async () => {
    ;[directPort, proxiedPort, tlsPort, directTlsPort] = (await freePorts(4)) as [number, number, number, number]
    cases = countCases(h2spec as string)
    origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'))
    const answer = { status: 200, body: { inline_string: 'hello' } }
    // Some cases go by the number of streams that may be open at once.
    const hcm = { codec_type: 'HTTP2', http2_protocol_options: { max_concurrent_streams: 100 } }
    const routes = [{ match: { prefix: '/' }, direct_response: answer }]
    const certificate = authority.issue('server.test')
    proxy = await ProxyProcess.start(
      bootstrap(
        [
          httpListener({ port: directPort, hcm, routes }),
          httpListener({ port: proxiedPort, hcm }),
          secured(httpListener({ port: tlsPort, hcm }), certificate),
          secured(httpListener({ port: directTlsPort, hcm, routes }), certificate),
        ],
        [staticCluster('origin', origin.port)],
      ),
    )
  })

  after(async () => {
    await proxy.stop()
    await origin.close()
    authority[Symbol.dispose]()
  })

  async function run(port: number, ...more: string[]): Promise<void> {
    const args = ['-S', '-h', '127.0.0.1', '-p', String(port), ...more]
    const { stdout } = await promisify(execFile)(h2spec as string, args, { timeout: 60_000 }).catch(error => error)
    const report = stdout.split('\n').filter((line: string) => line.includes('×'))
    const summary = /^\d+ tests, .*/m.exec(stdout)?.[0]
    const expected = `${cases} tests, ${cases} passed, 0 skipped, 0 failed`
    assert.deepEqual({ summary, report }, { summary: expected, report: [] })
  }

  it('is the whole suite', t => {
    assert.ok(cases === ALL_CASES || cases === CASES_OF_RELEASE, `${cases} cases`)
    t.diagnostic(`${cases} cases`)
  })
  for (let i = 1; i <= RUNS; i++) {
    it(`a direct response, run ${i}`, () => run(directPort))
    it(`proxied to an HTTP/1.1 origin, run ${i}`, () => run(proxiedPort))
    it(`a direct response over TLS, run ${i}`, () => run(directTlsPort, '-t', '-k'))
    it(`proxied, over TLS, run ${i}`, () => run(tlsPort, '-t', '-k'))
  }
})
