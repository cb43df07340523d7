// HOT FILE (docs/hot-path.md): the connections of one thread to the hosts of one cluster, one to each.
import { TokenBucket } from '../../../../base/index.ts'
import { formatHostPort } from '../../../../net/index.ts'
import { respCommand } from '../../../../net/resp/index.ts'
import type { Histogram, StatBlock } from '../../../../observability/index.ts'
import {
  authWords,
  type Cluster,
  clusterStatPrefix,
  type Health,
  type Host,
  isReplica,
  redisCredentials,
  Unhealthy,
  type UpstreamThread,
} from '../../../../upstream/index.ts'
import type { PoolSettings } from '../redis-proxy-plan.ts'
import {
  CONNECTION_RATE_LIMITED,
  CX_DRAINED,
  HELLO_FAILURE,
  MAX_UNKNOWN_REACHED,
  POOL_STATS,
  UPSTREAM_COMMAND_STATS,
  UPSTREAM_FAILURE,
  UPSTREAM_LATENCY,
  UPSTREAM_RQ_TIME,
  UPSTREAM_SUCCESS,
  UPSTREAM_TOTAL,
} from '../stats.ts'
import { greetings, READONLY } from './greeting.ts'
import { KeyContext } from './key-context.ts'
import { readRedirection, redirected, targetAddress, unknownHost } from './redirection.ts'
import { RedisClient } from './redis-client.ts'
import { NOBODY, type ReplyReceiver } from './reply-receiver.ts'

const ASKING = Buffer.from(respCommand(['asking']))

export class RedisPool {
  readonly clusterName: string
  readonly settings: PoolSettings
  readonly commandStats: boolean
  readonly redirects: boolean
  private readonly thread: UpstreamThread
  private readonly context: KeyContext
  private readonly clients = new Map<Host, RedisClient>()
  private readonly statPrefix: string
  private readonly stats: StatBlock
  private readonly requestTime: Histogram
  private readonly commands = new Map<string, StatBlock>()
  private readonly bucket: TokenBucket | null
  /** Hosts that the cluster does not have, by address: others have sent commands on to them. */
  private readonly unknown = new Map<string, Host>()

  constructor(thread: UpstreamThread, clusterName: string, settings: PoolSettings) {
    this.thread = thread
    this.clusterName = clusterName
    this.settings = settings
    this.commandStats = settings.commandStats
    this.redirects = settings.redirects
    this.context = new KeyContext(settings.hashTags, settings.readPolicy)
    const { connectionsPerSecond } = settings
    this.bucket =
      connectionsPerSecond === 0
        ? null
        : new TokenBucket({
            maxTokens: connectionsPerSecond,
            tokensPerFill: connectionsPerSecond,
            fillIntervalMs: 1000,
          })
    const name = thread.clusters.get(clusterName)?.observabilityName ?? clusterName
    this.statPrefix = `${clusterStatPrefix(name)}redis_cluster.`
    this.stats = thread.stats.block(this.statPrefix, POOL_STATS)
    this.requestTime = this.stats.histogram(UPSTREAM_RQ_TIME)
  }

  get cluster(): Cluster | undefined {
    return this.thread.clusters.get(this.clusterName)
  }

  /** The connection to the host of a key; null: there is none to be had. */
  clientOf(key: Buffer, start: number, end: number, reads: boolean): RedisClient | null {
    const { cluster } = this
    const host = cluster?.chooseHost(this.context.of(key, start, end, reads))
    return host == null ? null : this.clientTo(cluster!.clusterOf(host), host)
  }

  /** The connection to a host that everybody shares. */
  clientTo(cluster: Cluster, host: Host): RedisClient | null {
    const known = this.clients.get(host)
    if (known !== undefined) return known
    const client = this.open(cluster, host, false)
    if (client !== null) this.clients.set(host, client)
    return client
  }

  /** A connection of its own, as transactions have. */
  openOwn(key: Buffer, start: number, end: number): RedisClient | null {
    const { cluster } = this
    const host = cluster?.chooseHost(this.context.of(key, start, end, false))
    return host == null ? null : this.open(cluster!.clusterOf(host), host, true)
  }

  private open(cluster: Cluster, host: Host, own: boolean): RedisClient | null {
    const { settings, thread } = this
    if (this.bucket !== null && !this.bucket.tryTake(thread.clock)) {
      this.stats.cells[CONNECTION_RATE_LIMITED]! += 1
      return null
    }
    if (settings.version === 3) {
      const first = greetings(redisCredentials(cluster.plan, host.addressText), settings.readPolicy !== 'MASTER')
      return new RedisClient(this, thread, cluster, host, own, first)
    }
    const client = new RedisClient(this, thread, cluster, host, own, [])
    this.logIn(client, cluster, host)
    return client
  }

  private logIn(client: RedisClient, cluster: Cluster, host: Host): void {
    const words = authWords(redisCredentials(cluster.plan, host.addressText))
    if (words !== null) {
      const command = Buffer.from(respCommand(words), 'latin1')
      client.send(command, 0, command.length, 'unknown', NOBODY, 0)
    }
    if (this.settings.readPolicy !== 'MASTER') client.send(READONLY, 0, READONLY.length, 'unknown', NOBODY, 0)
  }

  /** Hosts that commands for all of them go to, each once, in the order of the configuration. */
  shards(): readonly Host[] {
    const hosts = (this.cluster?.hosts() ?? []).filter(host => !isReplica(host))
    const healthy = hosts.filter(({ health }) => health !== (Unhealthy as Health))
    return healthy.length === 0 ? hosts : healthy
  }

  forget(client: RedisClient): void {
    if (this.clients.get(client.host) === client) this.clients.delete(client.host)
  }

  /** A client has gone as it was told to, behind its last reply. */
  countDrained(): void {
    this.stats.cells[CX_DRAINED]! += 1
  }

  /** A host that does not speak RESP3. */
  countHelloFailure(): void {
    this.stats.cells[HELLO_FAILURE]! += 1
  }

  // ---- what is counted of commands

  onReplyTime(sentMs: number): void {
    this.requestTime.record(Math.floor((this.thread.clock.now - sentMs) * 1000))
  }

  countCommand(name: string): void {
    this.statsOf(name).cells[UPSTREAM_TOTAL]! += 1
  }

  countReply(name: string, success: boolean, sentMs: number): void {
    const block = this.statsOf(name)
    block.cells[success ? UPSTREAM_SUCCESS : UPSTREAM_FAILURE]! += 1
    block.histogram(UPSTREAM_LATENCY).record(Math.floor((this.thread.clock.now - sentMs) * 1000))
  }

  private statsOf(name: string): StatBlock {
    let block = this.commands.get(name)
    if (block === undefined) {
      block = this.thread.stats.block(`${this.statPrefix}upstream_commands.${name}.`, UPSTREAM_COMMAND_STATS)
      this.commands.set(name, block)
    }
    return block
  }

  // ---- replies that send commands elsewhere

  /** An error, to a command whose bytes were kept. */
  onErrorReply(
    bytes: Buffer,
    start: number,
    end: number,
    receiver: ReplyReceiver,
    index: number,
    name: string,
    request: Buffer,
  ): void {
    const found = readRedirection(bytes, start, end)
    if (found === 'down') {
      receiver.onUpstreamFailure(index)
      return
    }
    const next = found === null ? null : redirected(receiver)
    const client = found === null || next === null ? null : this.clientAt(found.target)
    if (client === null) {
      receiver.onReply(bytes, start, end, index)
      return
    }
    if (found!.ask) client.send(ASKING, 0, ASKING.length, 'unknown', NOBODY, 0)
    client.send(request, 0, request.length, name, next!, index)
  }

  /** The connection to 'ip:port', whether the cluster has it or not; null: there is none to be had. */
  private clientAt(target: string): RedisClient | null {
    const { cluster, unknown } = this
    const address = targetAddress(target)
    if (cluster === undefined || address === null) return null
    const text = formatHostPort(address.host, address.port)
    const known = cluster.hosts().find(({ addressText }) => addressText === text)
    if (known !== undefined) return this.clientTo(cluster.clusterOf(known), known)
    let host = unknown.get(text)
    if (host === undefined) {
      if (unknown.size >= this.settings.maxUnknownConnections) {
        this.stats.cells[MAX_UNKNOWN_REACHED]! += 1
        return null
      }
      host = unknownHost(cluster, address.host, address.port, this.thread.clock.now)
      unknown.set(text, host)
    }
    return this.clientTo(cluster, host)
  }
}
