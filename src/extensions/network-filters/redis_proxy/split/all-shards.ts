// Commands without a key: to all hosts, to any, or to one by number.
import { ERROR, encodeValue, parseValue, type RespValue, respCommand } from '../../../../net/resp/index.ts'

import type { Host } from '../../../../upstream/index.ts'
import type { ClientRequest } from '../client-request.ts'
import type { Command } from '../command-table.ts'
import type { RedisProxy } from '../redis-proxy.ts'
import { errorReply, NO_UPSTREAM_HOST, UPSTREAM_FAILURE_REPLY, wrongArguments } from '../replies.ts'
import type { Route } from '../routes.ts'
import type { Splitter } from '../splitter.ts'
import { NOBODY, type ReplyReceiver } from '../upstream/reply-receiver.ts'
import { type Aggregate, aggregateOf } from './aggregates.ts'

const NO_KEY = Buffer.alloc(0)
const CLUSTER_SUBCOMMANDS: ReadonlySet<string> = new Set(['info', 'slots', 'keyslot', 'nodes'])
const UNSUPPORTED_SCOPE = errorReply('ERR unsupported cluster scope command or invalid arguments')
const NO_INDEX = errorReply('ERR invalid shard_id - must be a numeric shard index')

/** Where commands go that have no key: what has a prefix is not for them. */
function routeWithoutKey({ routes }: Splitter): Route | null {
  return routes.find(NO_KEY, 0, 0)
}

/** Replies of all hosts, made one. */
class ShardReplies implements ReplyReceiver {
  private readonly request: ClientRequest
  private readonly aggregate: Aggregate
  private readonly values: RespValue[]
  private left: number

  constructor(request: ClientRequest, aggregate: Aggregate, shards: number) {
    this.request = request
    this.aggregate = aggregate
    this.values = new Array(shards)
    this.left = shards
  }

  get cancelled(): boolean {
    return this.request.cancelled
  }

  onReply(bytes: Buffer, start: number, _end: number, index: number): void {
    this.values[index] = parseValue(bytes, start)
    if (--this.left > 0) return
    const whole = this.aggregate(this.values)
    const encoded = Buffer.from(encodeValue(whole, this.request.proxy?.version ?? 2), 'latin1')
    this.request.complete(whole.type !== ERROR, encoded, 0, encoded.length)
  }

  onUpstreamFailure(index: number): void {
    this.onReply(UPSTREAM_FAILURE_REPLY, 0, UPSTREAM_FAILURE_REPLY.length, index)
  }
}

/** The reply of one host as it is; unlike that to a command with a key, an error counts as one. */
class ShardReply implements ReplyReceiver {
  private readonly request: ClientRequest

  constructor(request: ClientRequest) {
    this.request = request
  }

  get cancelled(): boolean {
    return this.request.cancelled
  }

  onReply(bytes: Buffer, start: number, end: number): void {
    this.request.complete(bytes[start] !== ERROR, bytes, start, end)
  }

  onUpstreamFailure(): void {
    this.request.onUpstreamFailure()
  }
}

export function sendToAllShards(splitter: Splitter, proxy: RedisProxy, request: ClientRequest, command: Command): void {
  const route = routeWithoutKey(splitter)
  const shards = route?.poolFor(command).shards() ?? []
  if (shards.length === 0) {
    request.reject(NO_UPSTREAM_HOST)
    return
  }
  const subcommand = splitter.words > 1 ? splitter.word(1).toLowerCase() : ''
  const aggregate = aggregateOf(command.name, subcommand)
  if (aggregate === null) {
    request.reject(UNSUPPORTED_SCOPE)
    return
  }
  splitter.copy(-1, NO_KEY)
  const replies = new ShardReplies(request, aggregate, shards.length)
  for (const [index, host] of shards.entries()) toShard(splitter, proxy, route!, command, host, replies, index)
}

export function sendToRandomShard(
  splitter: Splitter,
  proxy: RedisProxy,
  request: ClientRequest,
  command: Command,
): void {
  const subcommand = splitter.words > 1 ? splitter.word(1).toLowerCase() : ''
  if (command.name === 'cluster' && splitter.words > 1 && !CLUSTER_SUBCOMMANDS.has(subcommand)) {
    request.reject(errorReply(`ERR cluster subcommand '${subcommand}' is not supported`))
    return
  }
  const route = routeWithoutKey(splitter)
  const shards = route?.poolFor(command).shards() ?? []
  if (shards.length === 0) {
    request.reject(NO_UPSTREAM_HOST)
    return
  }
  const host = shards[Math.floor(splitter.thread.random() * shards.length)]!
  splitter.copy(-1, NO_KEY)
  toShard(splitter, proxy, route!, command, host, new ShardReply(request), 0)
}

/** INFO.SHARD <number> [section]. */
export function sendToOneShard(splitter: Splitter, proxy: RedisProxy, request: ClientRequest, command: Command): void {
  const { words, writer } = splitter
  if (words > 3) {
    request.reject(wrongArguments(splitter.word(0)))
    return
  }
  const text = splitter.word(1)
  if (!/^\s*\+?\d{1,5}\s*$/.test(text) || Number(text) > 65535) {
    request.reject(NO_INDEX)
    return
  }
  const route = routeWithoutKey(splitter)
  const shards = route?.poolFor(command).shards() ?? []
  const number = Number(text)
  if (shards.length === 0) request.reject(NO_UPSTREAM_HOST)
  else if (number >= shards.length) {
    request.reject(errorReply(`ERR shard_id ${number} out of range (0-${shards.length - 1})`))
  } else {
    const info = Buffer.from(respCommand(words > 2 ? ['INFO', splitter.word(2)] : ['INFO']), 'latin1')
    writer.whole(info)
    toShard(splitter, proxy, route!, splitter.commands.get('info'), shards[number]!, new ShardReply(request), 0)
  }
}

/** Sends what the splitter's writer holds. */
function toShard(
  { thread, writer }: Splitter,
  proxy: RedisProxy,
  route: Route,
  command: Command,
  host: Host,
  receiver: ReplyReceiver,
  index: number,
): void {
  const pool = route.poolFor(command)
  const { cluster } = pool
  const client = cluster === undefined ? null : pool.clientTo(cluster.clusterOf(host), host)
  if (client === null) {
    receiver.onReply(NO_UPSTREAM_HOST, 0, NO_UPSTREAM_HOST.length, index)
    return
  }
  client.send(writer.bytes, 0, writer.end, command.upstreamName, receiver, index)
  if (client.congested) proxy.awaitUpstream(client)
  for (const mirror of route.mirrors) {
    const shards = mirror.takes(command, thread) ? mirror.pool.shards() : []
    const other = shards[index % Math.max(shards.length, 1)]
    if (other === undefined || mirror.pool.cluster === undefined) continue
    mirror.pool
      .clientTo(mirror.pool.cluster.clusterOf(other), other)
      ?.send(writer.bytes, 0, writer.end, command.upstreamName, NOBODY, 0)
  }
}
