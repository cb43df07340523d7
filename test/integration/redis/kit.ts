// A proxy before hosts that speak Redis, and clients of it.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createClient } from '@redis/client'
import { bootstrap, freePorts, ProxyProcess, RawClient, socketAddress, staticCluster } from '../../harness/index.ts'

export const REDIS_PROXY = 'type.googleapis.com/envoy.extensions.filters.network.redis_proxy.v3.RedisProxy'

export interface RedisProxyOptions {
  /** Merged into the filter's config. */
  readonly filter?: object
  /** Merged into its settings. */
  readonly settings?: object
  readonly clusters: readonly object[]
  readonly concurrency?: number
  readonly listener?: object
  /** Merged into the bootstrap. */
  readonly extra?: object
}

/** A filter that sends everything to cluster `origin`. */
export function redisFilter({ filter = {}, settings = {} }: Pick<RedisProxyOptions, 'filter' | 'settings'>): object {
  return {
    name: 'envoy.filters.network.redis_proxy',
    typed_config: {
      '@type': REDIS_PROXY,
      stat_prefix: 'r',
      settings: { op_timeout: '2s', ...settings },
      prefix_routes: { catch_all_route: { cluster: 'origin' } },
      ...filter,
    },
  }
}

export interface RunningRedisProxy extends AsyncDisposable {
  readonly port: number
  readonly proxy: ProxyProcess
  /** The value of one stat. */
  stat(name: string): Promise<number>
}

export async function redisProxy(options: RedisProxyOptions): Promise<RunningRedisProxy> {
  const [port] = (await freePorts(1)) as [number]
  const listener = {
    name: 'redis',
    address: socketAddress(port),
    filter_chains: [{ filters: [redisFilter(options)] }],
    ...options.listener,
  }
  const proxy = await ProxyProcess.start(bootstrap([listener], options.clusters, options.extra), {
    concurrency: options.concurrency ?? 1,
  })
  return {
    port,
    proxy,
    stat: async name => (await proxy.stats(name)).get(name) ?? Number.NaN,
    [Symbol.asyncDispose]: async () => void (await proxy.stop()),
  }
}

export const origin = (port: number, extra: object = {}): object => staticCluster('origin', port, extra)

/** The npm driver, connected; it must be closed. */
export async function driver(port: number, options: object = {}) {
  const client = createClient({ RESP: 2, socket: { host: '127.0.0.1', port, reconnectStrategy: false }, ...options })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** Sends exact bytes and returns what comes until it is as long as `expected`, or the connection ends. */
export async function ask(port: number, text: string, expected: string): Promise<string> {
  const client = await RawClient.connect(port)
  client.send(text)
  const received = await client.until(got => got.length >= expected.length)
  client.close()
  return received
}

/** A host that says what a script says. */
export class ScriptedRedis {
  readonly sockets: Socket[] = []
  /** What each connection has sent. */
  readonly received: string[] = []
  private readonly server: Server

  private constructor(onData: (socket: Socket, text: string) => void) {
    this.server = createServer(socket => {
      const index = this.sockets.push(socket) - 1
      this.received[index] = ''
      socket.on('error', () => undefined)
      socket.on('data', data => {
        const text = data.toString('latin1')
        this.received[index] += text
        onData(socket, text)
      })
    })
  }

  static async start(onData: (socket: Socket, text: string) => void): Promise<ScriptedRedis> {
    const redis = new ScriptedRedis(onData)
    redis.server.listen(0, '127.0.0.1')
    await once(redis.server, 'listening')
    return redis
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy()
    this.server.close()
  }
}

export const command = (...words: readonly string[]): string =>
  `*${words.length}\r\n${words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
