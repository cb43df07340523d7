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
/** The release that Go finds by itself has one case less than the last one. */
const FEWEST_CASES = 146

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

describe('h2spec -S', { skip: h2spec === null ? 'skipped: no h2spec, and no Go to install it' : false }, () => {
  let proxy: ProxyProcess
  let origin: ScriptedOrigin
  let directPort = 0
  let proxiedPort = 0
  let tlsPort = 0
  const authority = new TestAuthority()

  before(async () => {
    ;[directPort, proxiedPort, tlsPort] = (await freePorts(3)) as [number, number, number]
    origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello'))
    const answer = { status: 200, body: { inline_string: 'hello' } }
    // Some cases go by the number of streams that may be open at once.
    const hcm = { codec_type: 'HTTP2', http2_protocol_options: { max_concurrent_streams: 100 } }
    proxy = await ProxyProcess.start(
      bootstrap(
        [
          httpListener({ port: directPort, hcm, routes: [{ match: { prefix: '/' }, direct_response: answer }] }),
          httpListener({ port: proxiedPort, hcm }),
          secured(httpListener({ port: tlsPort, hcm }), authority.issue('server.test')),
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
    const [total, passed, skipped, failed] = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/
      .exec(stdout)!
      .slice(1)
      .map(Number) as [number, number, number, number]
    const report = stdout.split('\n').filter((line: string) => line.includes('×'))
    assert.deepEqual({ passed, skipped, failed, report }, { passed: total, skipped: 0, failed: 0, report: [] })
    assert.ok(total >= FEWEST_CASES)
  }

  it('a direct response', () => run(directPort))
  it('proxied to an HTTP/1.1 origin', () => run(proxiedPort))
  it('proxied, over TLS', () => run(tlsPort, '-t', '-k'))
})
