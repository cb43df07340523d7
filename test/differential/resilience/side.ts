// One of the two proxies that play the same variations, and what is asked of it.
import { Agent, request as httpRequest } from 'node:http'
import { bootstrap, freePorts, httpListener, ProxyProcess } from '../../harness/index.ts'
import type { AnswerPlan, Origins } from './origins.ts'
import type { Variation } from './variation.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'
const TIMEOUT_MS = 20_000

export interface Reply {
  readonly status: number
  readonly flags: string
  readonly details: string
  /** The number of the host that answered; 0: none. */
  readonly host: number
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly error: string | null
  readonly ms: number
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly plan?: AnswerPlan
  readonly body?: string
  readonly path?: string
}

export interface HostRow {
  readonly stats: Readonly<Record<string, string | undefined>>
  readonly flags: string
  /** Success rates, to a tenth. */
  readonly rates: string
}

interface Clusters {
  readonly cluster_statuses: readonly {
    readonly name: string
    readonly host_statuses?: readonly {
      readonly stats: readonly { readonly name: string; readonly value?: string }[]
      readonly health_status: Readonly<Record<string, unknown>>
      readonly success_rate?: { readonly value?: number }
      readonly local_origin_success_rate?: { readonly value?: number }
    }[]
  }[]
}

/** Stats that say how fast, how much or for how long, which is nobody's rule. */
const OWN_NOISE =
  /bytes|length_ms|\.external\.|\.internal\.|_time$|assignment|bind_errors|init_fetch|http1\.|http2\.|cx_http1|lb_recalculate|update_|upstream_cx_max_requests|original_dst/

export class Side {
  readonly origins: Origins
  readonly proxy: ProxyProcess
  private readonly port: number
  private readonly network: (index: number) => string
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 500 })

  private constructor(origins: Origins, proxy: ProxyProcess, port: number, network: (index: number) => string) {
    this.origins = origins
    this.proxy = proxy
    this.port = port
    this.network = network
  }

  /** `octet`: the second number of the addresses of its origins. */
  static async start(
    binary: string | null,
    octet: number,
    origins: Origins,
    variations: readonly Variation[],
    closedPort: number,
    extra: object,
  ): Promise<Side> {
    const [port] = (await freePorts(1)) as [number]
    const network = (index: number) => `127.${octet + (index >> 8)}.${index & 255}`
    const hosts = variations.map((_, index) => ({
      address: (host: number) => `${network(index)}.${host}`,
      port: origins.port,
      closedPort,
    }))
    const clusters = variations.flatMap((one, index) => one.clusters(`c${index}`, hosts[index]!))
    const routes = variations.map((one, index) => ({
      match: { prefix: `/${index}/` },
      response_headers_to_add: [said('x-flags', 'FLAGS'), said('x-details', 'CODE_DETAILS')],
      ...one.route?.(`c${index}`),
    }))
    const filters = [
      ...new Map(variations.flatMap(one => one.filters ?? []).map(filter => [filter.name, filter])).values(),
    ]
    const listener = httpListener({
      port,
      hcm: {
        use_remote_address: true,
        internal_address_config: { cidr_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }] },
        route_config: {
          virtual_hosts: [{ name: 'v', domains: ['*'], routes, include_request_attempt_count: true }],
        },
        http_filters: [
          ...filters,
          { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.filters.http.router.v3.Router` } },
        ],
      },
    })
    const { clusters: shared = [], ...rest } = extra as { clusters?: object[] }
    const config = bootstrap([listener], [...shared, ...clusters], {
      node: { id: 'n', cluster: 'n', locality: { region: 'r', zone: 'a' } },
      layered_runtime: { layers: [{ name: 'admin', admin_layer: {} }] },
      ...rest,
    })
    const proxy = await ProxyProcess.start(config, { binary })
    return new Side(origins, proxy, port, network)
  }

  address(index: number, host: number): string {
    return `${this.network(index)}.${host}`
  }

  askedOf(index: number): NonNullable<ReturnType<Origins['asked']['get']>> {
    return this.origins.asked.get(this.network(index)) ?? []
  }

  ask(index: number, { method = 'GET', headers = {}, plan, body, path = '' }: Ask = {}): Promise<Reply> {
    const startMs = performance.now()
    const planned = plan === undefined ? {} : { 'x-plan': JSON.stringify(plan) }
    const options = { host: '127.0.0.1', port: this.port, path: `/${index}/${path}`, method, agent: this.agent }
    return new Promise(resolve => {
      const fail = (error: Error): void => {
        const { message } = error
        resolve({
          status: 0,
          flags: '',
          details: '',
          host: 0,
          headers: {},
          error: message,
          ms: performance.now() - startMs,
        })
      }
      const request = httpRequest({ ...options, headers: { ...headers, ...planned } }, response => {
        const settle = (error: string | null): void => {
          const { statusCode: status = 0, headers: own } = response
          const [flags, details] = [String(own['x-flags'] ?? ''), String(own['x-details'] ?? '')]
          const host = Number(own['x-host'] ?? 0)
          resolve({ status, flags, details, host, headers: own, error, ms: performance.now() - startMs })
        }
        response
          .resume()
          .on('end', () => settle(null))
          .on('error', () => settle('cut'))
      })
      request.on('error', fail).setTimeout(TIMEOUT_MS, () => request.destroy(new Error('timeout')))
      request.end(body)
    })
  }

  /** Counters and gauges of a variation's cluster that are not 0, without its name. */
  async stats(index: number): Promise<Record<string, number>> {
    const all = await this.proxy.stats(`^cluster\\.c${index}\\.`)
    const named = [...all].map(([name, value]) => [name.slice(name.indexOf('.', 8) + 1), value] as const)
    return Object.fromEntries(named.filter(([name, value]) => value !== 0 && !OWN_NOISE.test(name)).sort())
  }

  /** What /clusters says of each host: its stats that are not 0, and its flags. */
  async hosts(index: number): Promise<readonly HostRow[]> {
    const { cluster_statuses: all } = (await (await this.proxy.admin('/clusters?format=json')).json()) as Clusters
    const rows = all.find(({ name }) => name === `c${index}`)?.host_statuses ?? []
    return rows.map(({ stats, health_status: status, ...row }) => ({
      rates: [row.success_rate, row.local_origin_success_rate]
        .map(rate => (rate?.value === undefined ? '-' : rate.value.toFixed(1)))
        .join(),
      stats: Object.fromEntries(
        stats.filter(({ value = '0' }) => value !== '0').map(({ name, value }) => [name, value]),
      ),
      flags: Object.entries(status)
        .filter(([, value]) => value === true)
        .map(([name]) => name)
        .sort()
        .join(),
    }))
  }

  async stop(): Promise<void> {
    this.agent.destroy()
    await this.proxy.stop()
  }
}

function said(key: string, operator: string): object {
  return { header: { key, value: `%RESPONSE_${operator}%` } }
}
