// One proxy with a listener for each set of options, in front of one scripted origin: shared by the HTTP/1.1 attack tests.
import assert from 'node:assert/strict'
import {
  answering,
  bootstrap,
  exchange,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  type RawResponse,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const UNDERSCORES = (action: string) => ({ common_http_protocol_options: { headers_with_underscores_action: action } })

/** HttpConnectionManager options by listener name. */
const LISTENERS = {
  plain: {},
  http10: { http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'fallback.test' } },
  chunkedLength: { http_protocol_options: { allow_chunked_length: true } },
  trailers: { http_protocol_options: { enable_trailers: true } },
  rejectUnderscores: UNDERSCORES('REJECT_REQUEST'),
  dropUnderscores: UNDERSCORES('DROP_HEADER'),
  normalized: { normalize_path: true, merge_slashes: true },
  rejectEscapedSlashes: { path_with_escaped_slashes_action: 'REJECT_REQUEST', normalize_path: true },
  redirectEscapedSlashes: { path_with_escaped_slashes_action: 'UNESCAPE_AND_REDIRECT', normalize_path: true },
  edge: { use_remote_address: true, internal_address_config: {} },
  upgrades: { upgrade_configs: [{ upgrade_type: 'websocket' }, { upgrade_type: 'CONNECT' }] },
} as const

export type ListenerName = keyof typeof LISTENERS

/** Trailers reach the origin when both sides allow them. */
const ORIGIN_OPTIONS = { http_protocol_options: { enable_trailers: true } }

const HEADER = (name: string, stringMatch: object) => ({ name, string_match: stringMatch })

const ROUTES = [
  { match: { prefix: '/', headers: [HEADER('role', { exact: 'b' })] }, direct_response: { status: 403 } },
  {
    match: { prefix: '/', headers: [HEADER('slow', { safe_regex: { regex: '(a+)+$' } })] },
    direct_response: { status: 418 },
  },
  { match: { prefix: '/admin' }, direct_response: { status: 403 } },
  { match: { connect_matcher: {} }, route: { cluster: 'origin' } },
  { match: { prefix: '/' }, route: { cluster: 'origin' } },
]

export const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

/** A request behind the one under test: it must never be seen by anybody. */
export const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n'

export class Http1Fixture {
  readonly proxy: ProxyProcess
  readonly origin: ScriptedOrigin
  private readonly ports: ReadonlyMap<string, number>

  private constructor(proxy: ProxyProcess, origin: ScriptedOrigin, ports: ReadonlyMap<string, number>) {
    this.proxy = proxy
    this.origin = origin
    this.ports = ports
  }

  static async start(): Promise<Http1Fixture> {
    const origin = await ScriptedOrigin.start(answering(OK))
    const names = Object.keys(LISTENERS) as ListenerName[]
    const free = await freePorts(names.length)
    const ports = new Map(names.map((name, i) => [name, free[i]!]))
    const listeners = names.map(name => {
      const hcm = { delayed_close_timeout: '0.1s', ...LISTENERS[name] }
      return httpListener({ port: ports.get(name)!, hcm, routes: ROUTES })
    })
    const proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('origin', origin.port, ORIGIN_OPTIONS)]))
    return new Http1Fixture(proxy, origin, ports)
  }

  async stop(): Promise<void> {
    // A proxy that has died fails the test; the origin goes all the same.
    await this.proxy.stop().finally(() => this.origin.close())
  }

  port(listener: ListenerName = 'plain'): number {
    return this.ports.get(listener)!
  }

  /** Sends bytes on a connection of their own, returns the responses up to the proxy's close. */
  async ask(bytes: string, listener: ListenerName = 'plain'): Promise<readonly RawResponse[]> {
    return parseResponses(await exchange(this.port(listener), bytes), [bytes.slice(0, bytes.indexOf(' '))])
  }

  /** The status of a request of its own, with `connection: close`. */
  async statusOf(head: string, listener: ListenerName = 'plain'): Promise<number> {
    const [response] = await this.ask(`${head}\r\nconnection: close\r\n\r\n`, listener)
    return response?.status ?? 0
  }

  /**
   * The rule for a request whose framing cannot be trusted: one answer with one of `statuses`, then the end of the
   * connection; nothing behind the request reaches the origin, and the proxy serves the next client.
   */
  async assertRefused(bytes: string, statuses: readonly number[], listener: ListenerName = 'plain'): Promise<void> {
    this.origin.reset(answering(OK))
    const responses = await this.ask(bytes + SMUGGLED, listener)
    const seen = responses.map(({ status }) => status)
    assert.ok(responses.length === 1 && statuses.includes(seen[0]!), `answered ${seen} instead of one of ${statuses}`)
    assert.doesNotMatch(this.origin.received, /smuggled/)
    await this.assertAlive()
  }

  async assertAlive(): Promise<void> {
    this.origin.reset(answering(OK))
    assert.equal(await this.statusOf('GET /alive HTTP/1.1\r\nhost: a'), 200)
  }
}
