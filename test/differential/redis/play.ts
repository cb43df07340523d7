// Plays the units of a *.yaml here through one proxy before real and scripted hosts, and tells what clients and stats saw.
import { readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { parse } from 'yaml'
import { bootstrap, freePorts, ProxyProcess, RawClient, RedisServer, socketAddress } from '../../harness/index.ts'
import { redisFilter, ScriptedRedis } from '../../integration/redis/kit.ts'

export interface RedisCase {
  /** Lines or exact bytes; what does not end with CR LF gets it. QUIT comes behind them. */
  readonly send: readonly string[]
  /** Recorded: what came, latin1. */
  readonly seen?: string
}

export interface RedisUnit {
  readonly about: string
  readonly filter?: object
  readonly settings?: object
  /**
   * Clusters by name: how many Redis each has (their `hash_key` is host-0 and so on), or what its host says to everything;
   * null: nobody listens.
   */
  readonly hosts: Readonly<Record<string, number | string | null>>
  /** More of each cluster. */
  readonly cluster?: object
  /** Arguments of each redis-server. */
  readonly redis?: readonly string[]
  readonly runtime?: object
  /** Stats that differ, by a pattern: what was not sent at once when a connection ended is counted only here. */
  readonly apart?: string
  readonly cases: readonly RedisCase[]
  /** Recorded: stats that are not 0. */
  readonly stats?: Readonly<Record<string, number>>
  /** Recorded: the keys of each Redis behind the last case. */
  readonly keys?: Readonly<Record<string, readonly string[]>>
}

export interface SeenUnit {
  readonly replies: readonly string[]
  readonly stats: Readonly<Record<string, number>>
  readonly keys: Readonly<Record<string, readonly string[]>>
}

/** What is said of clusters anyway. */
const CHANCE =
  /(membership|update_|default\.|max_host_weight|version|warming|lb_|circuit_breakers|bind_errors|assignment)/

export function readUnits(file: string): readonly RedisUnit[] {
  return parse(readFileSync(file, 'utf8')) as RedisUnit[]
}

/** Redis servers by their arguments: units take turns with them. */
class Servers {
  private readonly byArgs = new Map<string, RedisServer[]>()

  async take(count: number, args: readonly string[]): Promise<readonly RedisServer[]> {
    const key = args.join(' ')
    const known = this.byArgs.get(key) ?? []
    this.byArgs.set(key, known)
    while (known.length < count) known.push(await RedisServer.start(args))
    return known.slice(0, count)
  }

  async close(): Promise<void> {
    await Promise.all([...this.byArgs.values()].flat().map(server => server.kill()))
  }
}

interface Placed {
  readonly unit: RedisUnit
  /** Before the names of its clusters and stats. */
  readonly prefix: string
  readonly port: number
  readonly clusters: readonly object[]
  readonly servers: readonly (readonly [name: string, server: RedisServer])[]
  readonly scripted: readonly ScriptedRedis[]
}

/** Clusters by other names. */
function renamed(value: unknown, prefix: string): unknown {
  if (Array.isArray(value)) return value.map(item => renamed(item, prefix))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => [
    key,
    key === 'cluster' && typeof item === 'string' ? prefix + item : renamed(item, prefix),
  ])
  return Object.fromEntries(entries)
}

async function place(unit: RedisUnit, index: number, port: number, all: Servers): Promise<Placed> {
  const prefix = `u${index}_`
  const clusters: object[] = []
  const servers: [string, RedisServer][] = []
  const scripted: ScriptedRedis[] = []
  const total = Object.values(unit.hosts).reduce<number>((sum, what) => sum + (typeof what === 'number' ? what : 0), 0)
  const free = [...(await all.take(total, unit.redis ?? []))]
  for (const [name, what] of Object.entries(unit.hosts)) {
    const own = typeof what === 'number' ? free.splice(0, what) : []
    for (const [i, server] of own.entries()) servers.push([`${name}-${i}`, server])
    if (typeof what === 'string') scripted.push(await ScriptedRedis.start(answerAll(what)))
    const ports =
      typeof what === 'string' ? [scripted.at(-1)!.port] : what === null ? await freePorts(1) : own.map(one => one.port)
    clusters.push({ ...clusterOf(prefix + name, ports), ...unit.cluster })
  }
  return { unit, prefix, port, clusters, servers, scripted }
}

function clusterOf(name: string, ports: readonly number[]): object {
  const endpoints = ports.map((port, i) => ({
    endpoint: { address: socketAddress(port) },
    metadata: { filter_metadata: { 'envoy.lb': { hash_key: `host-${i}` } } },
  }))
  const assignment = { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] }
  return { name, type: 'STATIC', connect_timeout: '1s', load_assignment: assignment }
}

/** One answer per command, however they come in. */
function answerAll(
  answer: string,
): (socket: { write(text: string, encoding: 'latin1'): unknown }, text: string) => void {
  return (socket, text) => {
    const commands = text.split(/(?=\*\d+\r\n\$)/).length
    socket.write(answer.repeat(commands), 'latin1')
  }
}

function listenerOf({ unit, prefix, port }: Placed): object {
  const filter = redisFilter({
    settings: unit.settings ?? {},
    filter: renamed(
      { stat_prefix: prefix, prefix_routes: { catch_all_route: { cluster: 'origin' } }, ...unit.filter },
      prefix,
    ) as object,
  })
  return { name: prefix, address: socketAddress(port), filter_chains: [{ filters: [filter] }] }
}

/** One unit after the other; what was seen, in their order. */
export async function playAll(units: readonly RedisUnit[]): Promise<readonly SeenUnit[]> {
  const servers = new Servers()
  const ports = await freePorts(units.length)
  const placed: Placed[] = []
  for (const [i, unit] of units.entries()) placed.push(await place(unit, i, ports[i]!, servers))
  const layer = Object.assign({}, ...units.map(({ runtime }) => runtime ?? {})) as object
  const proxy = await ProxyProcess.start(
    bootstrap(
      placed.map(listenerOf),
      placed.flatMap(({ clusters }) => clusters),
      { layered_runtime: { layers: [{ name: 'static', static_layer: layer }] } },
    ),
  )
  try {
    const seen: SeenUnit[] = []
    for (const one of placed) seen.push(await playUnit(one, proxy))
    return seen
  } finally {
    await proxy.stop()
    for (const { scripted } of placed) for (const redis of scripted) redis.close()
    await servers.close()
  }
}

async function playUnit({ unit, prefix, port, servers }: Placed, proxy: ProxyProcess): Promise<SeenUnit> {
  for (const [, server] of servers) await tell(server, unit, 'FLUSHALL')
  const replies: string[] = []
  for (const { send } of unit.cases) replies.push(await play(port, send))
  const keys: [string, readonly string[]][] = []
  for (const [name, server] of servers) {
    const found = [...(await tell(server, unit, 'KEYS *')).matchAll(/\$\d+\r\n(.*)\r\n/g)].map(([, key]) => key!)
    keys.push([name, found.sort()])
  }
  await proxy.gaugesLeft()
  const apart = new RegExp(unit.apart ?? '^$')
  const stats = [...(await proxy.stats(prefix))]
    .filter(([name, value]) => value !== 0 && !name.startsWith('listener.') && !CHANCE.test(name) && !apart.test(name))
    .map(([name, value]) => [name.replace(prefix, ''), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  return { replies, stats: Object.fromEntries(stats), keys: Object.fromEntries(keys) }
}

async function play(port: number, send: readonly string[]): Promise<string> {
  const client = await RawClient.connect(port)
  client.send([...send, 'QUIT'].map(line => (line.endsWith('\r\n') ? line : `${line}\r\n`)).join(''))
  await client.untilEnd()
  client.close()
  return client.received
}

/** What a Redis says to one command. */
async function tell({ port }: RedisServer, { redis = [] }: RedisUnit, command: string): Promise<string> {
  const socket = createConnection(port, '127.0.0.1').setEncoding('latin1')
  const password = redis[redis.indexOf('--requirepass') + 1]
  socket.write(`${redis.includes('--requirepass') ? `AUTH ${password}\r\n` : ''}${command}\r\nQUIT\r\n`)
  let text = ''
  for await (const piece of socket) text += piece
  return text
}
