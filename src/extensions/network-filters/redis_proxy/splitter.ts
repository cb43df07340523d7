// HOT FILE (docs/hot-path.md): what becomes of each command.

import type { RespScanner } from '../../../net/resp/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import type { UpstreamThread } from '../../../upstream/index.ts'
import type { ClientRequest } from './client-request.ts'
import { CommandWriter } from './codec/command-writer.ts'
import { type Command, CommandTable } from './command-table.ts'
import { Faults } from './faults.ts'
import { answerLocally } from './local-commands.ts'
import type { RedisProxy } from './redis-proxy.ts'
import type { RedisProxyPlan } from './redis-proxy-plan.ts'
import {
  errorReply,
  FAULT_REPLY,
  INVALID_REQUEST_REPLY,
  NO_AUTH,
  NO_PROTO,
  NO_UPSTREAM_HOST,
  wrongArguments,
} from './replies.ts'
import { type Route, Routes } from './routes.ts'
import { sendToAllShards, sendToOneShard, sendToRandomShard } from './split/all-shards.ts'
import { AllOk, type FanOut, Total, Values } from './split/fan-out.ts'
import { inTransaction } from './split/in-transaction.ts'
import * as S from './stats.ts'
import { RedisPool } from './upstream/redis-pool.ts'
import { NOBODY, type ReplyReceiver } from './upstream/reply-receiver.ts'

const GET = Buffer.from('get')
const SET = Buffer.from('set')

/** Before HELLO has settled what is spoken. */
function mayComeFirst(command: Command | null): boolean {
  return command !== null && (command.name === 'hello' || command.name === 'auth' || command.name === 'quit')
}

/** All that the clients of one redis_proxy share on one thread. */
export class Splitter {
  readonly plan: RedisProxyPlan
  readonly thread: UpstreamThread
  readonly stats: StatBlock
  readonly commands: CommandTable
  readonly routes: Routes
  readonly writer = new CommandWriter()
  private readonly faults: Faults | null
  private readonly get: Command
  private readonly set: Command
  private readonly multi: Command
  // The request that is being looked at; its bytes are valid only meanwhile.
  bytes: Buffer = GET
  start = 0
  end = 0
  scanner: RespScanner = null as never

  constructor(plan: RedisProxyPlan, thread: UpstreamThread) {
    this.plan = plan
    this.thread = thread
    const prefix = `redis.${plan.statPrefix}.`
    this.stats = thread.stats.block(prefix, S.REDIS_STATS)
    this.commands = new CommandTable(thread, prefix, plan.latencyInMicros, plan.customCommands)
    this.get = this.commands.get('get')
    this.set = this.commands.get('set')
    this.multi = this.commands.get('multi')
    const pools = new Map<string, RedisPool>()
    this.routes = new Routes(plan, cluster => {
      let pool = pools.get(cluster)
      if (pool === undefined) pools.set(cluster, (pool = new RedisPool(thread, cluster, plan.settings)))
      return pool
    })
    this.faults = plan.faults.length === 0 ? null : new Faults(plan.faults, thread)
  }

  get asksForPassword(): boolean {
    const { externalAuth, passwords, username } = this.plan
    return externalAuth !== null || passwords.length > 0 || username !== ''
  }

  /** Words of the request, the command's name among them. */
  get words(): number {
    return this.scanner.count
  }

  word(index: number): string {
    return this.bytes.latin1Slice(this.from(index), this.to(index))
  }

  from(index: number): number {
    return this.start + this.scanner.starts[index]!
  }

  to(index: number): number {
    return this.start + this.scanner.ends[index]!
  }

  onRequest(proxy: RedisProxy, bytes: Buffer, start: number, end: number, scanner: RespScanner): void {
    this.bytes = bytes
    this.start = start
    this.end = end
    this.scanner = scanner
    if (!scanner.isCommand || scanner.count === 0) {
      this.invalid(proxy)
      return
    }
    const command = this.commands.find(bytes, this.from(0), this.to(0))
    if (proxy.version < this.plan.settings.version && !mayComeFirst(command)) {
      this.stats.cells[S.RQ_NOPROTO]! += 1
      proxy.begin(null).answer(NO_PROTO)
      return
    }
    if (command === null) this.unknown(proxy)
    else if (command.kind === 'local') answerLocally(this, proxy, command)
    else if (!proxy.allowed) proxy.begin(null).answer(NO_AUTH)
    else if (command.kind === 'scan' && scanner.count < 2) {
      proxy.begin(null).answer(errorReply(`ERR wrong number of arguments for '${this.word(0)}' command`))
    } else if (command.needsArguments && scanner.count < 2) this.invalid(proxy)
    else if (command.kind === 'transaction' && proxy.busy && proxy.transaction?.active !== true) proxy.later()
    else this.split(proxy, command)
  }

  invalid(proxy: RedisProxy): void {
    this.stats.cells[S.INVALID_REQUEST]! += 1
    proxy.begin(null).answer(INVALID_REQUEST_REPLY)
  }

  private unknown(proxy: RedisProxy): void {
    const first = this.words > 1 ? this.word(1) : ''
    this.stats.cells[S.UNSUPPORTED_COMMAND]! += 1
    proxy.begin(null).answer(errorReply(`ERR unknown command '${this.word(0)}', with args beginning with: ${first}`))
  }

  private split(proxy: RedisProxy, command: Command): void {
    const active = proxy.transaction?.active === true
    const counted = active ? this.multi : command
    const request = proxy.begin(counted)
    counted.stats.cells[S.COMMAND_TOTAL]! += 1
    if (this.faults !== null && this.inject(request, command, counted)) return
    if (active || command.kind === 'transaction') {
      inTransaction(this, proxy, request, command)
      return
    }
    switch (command.kind) {
      case 'simple':
        this.toHostOf(proxy, request, command, 1)
        break
      case 'eval':
        if (this.words < 4) request.reject(wrongArguments(this.word(0)))
        else this.toHostOf(proxy, request, command, 3)
        break
      case 'object':
        if (this.words < 3) request.reject(wrongArguments(this.word(0)))
        else this.toHostOf(proxy, request, command, 2)
        break
      default:
        this.toMany(proxy, request, command)
    }
  }

  private toMany(proxy: RedisProxy, request: ClientRequest, command: Command): void {
    const keys = this.words - 1
    switch (command.kind) {
      case 'mget':
        this.perKey(proxy, new Values(request, keys), this.get, GET, 0, GET.length, 1)
        break
      case 'sum':
        this.perKey(proxy, new Total(request, keys), command, this.bytes, this.from(0), this.to(0), 1)
        break
      case 'mset':
        if (keys % 2 !== 0) request.reject(wrongArguments(this.word(0)))
        else this.perKey(proxy, new AllOk(request, keys / 2), this.set, SET, 0, SET.length, 2)
        break
      case 'info_shard':
        sendToOneShard(this, proxy, request, command)
        break
      case 'random_shard':
        sendToRandomShard(this, proxy, request, command)
        break
      default:
        sendToAllShards(this, proxy, request, command)
    }
  }

  /** True: the request is answered. */
  private inject(request: ClientRequest, command: Command, counted: Command): boolean {
    const fault = this.faults!.of(command.name)
    if (fault === null) return false
    request.delay(fault.delayMs)
    if (!fault.isError) return false
    request.fail(FAULT_REPLY)
    counted.stats.cells[S.ERROR_FAULT]! += 1
    return true
  }

  // ---- to hosts

  private toHostOf(proxy: RedisProxy, request: ClientRequest, command: Command, keyAt: number): void {
    const { bytes } = this
    const route = this.routes.find(bytes, this.from(keyAt), this.to(keyAt))
    if (route === null || !this.sendWhole(proxy, route, command, keyAt, request)) request.reject(NO_UPSTREAM_HOST)
  }

  /** Sends the request as it is, but for the name of its key. */
  private sendWhole(proxy: RedisProxy, route: Route, command: Command, keyAt: number, to: ReplyReceiver): boolean {
    const { bytes, writer } = this
    if (!route.changesKeys) {
      const from = this.from(keyAt)
      const until = this.to(keyAt)
      if (this.scanner.canonical)
        return this.send(proxy, route, command, bytes, from, until, bytes, this.start, this.end, to, 0)
      this.copy(-1, bytes)
      return this.send(proxy, route, command, bytes, from, until, writer.bytes, 0, writer.end, to, 0)
    }
    const key = route.keyOf(bytes, this.from(keyAt), this.to(keyAt), proxy.info)
    this.copy(keyAt, key)
    return this.send(proxy, route, command, key, 0, key.length, writer.bytes, 0, writer.end, to, 0)
  }

  /** Writes the request anew, with another word in one place; -1: in none. */
  copy(replacedAt: number, word: Buffer): void {
    const { bytes, words, writer } = this
    writer.begin(words)
    for (let i = 0; i < words; i++) {
      if (i === replacedAt) writer.word(word, 0, word.length)
      else writer.word(bytes, this.from(i), this.to(i))
    }
  }

  /** One command per key, with the words behind it up to the next. */
  private perKey(
    proxy: RedisProxy,
    whole: FanOut,
    command: Command,
    name: Buffer,
    nameFrom: number,
    nameTo: number,
    each: number,
  ): void {
    const { bytes, words, writer } = this
    for (let at = 1, index = 0; at < words; at += each, index++) {
      const route = this.routes.find(bytes, this.from(at), this.to(at))
      let sent = false
      if (route !== null) {
        const key = route.keyOf(bytes, this.from(at), this.to(at), proxy.info)
        writer.begin(each + 1)
        writer.word(name, nameFrom, nameTo)
        writer.word(key, 0, key.length)
        if (each === 2) writer.word(bytes, this.from(at + 1), this.to(at + 1))
        sent = this.send(proxy, route, command, key, 0, key.length, writer.bytes, 0, writer.end, whole, index)
      }
      if (!sent) whole.onReply(NO_UPSTREAM_HOST, 0, NO_UPSTREAM_HOST.length, index)
    }
  }

  /** Sends bytes [start, end) to the host of a key; false: there is none. */
  private send(
    proxy: RedisProxy,
    route: Route,
    command: Command,
    key: Buffer,
    keyFrom: number,
    keyTo: number,
    bytes: Buffer,
    start: number,
    end: number,
    receiver: ReplyReceiver,
    index: number,
  ): boolean {
    const client = route.poolFor(command).clientOf(key, keyFrom, keyTo, command.reads)
    if (client === null) return false
    client.send(bytes, start, end, command.upstreamName, receiver, index)
    if (client.congested) proxy.awaitUpstream(client)
    const { mirrors } = route
    for (let i = 0; i < mirrors.length; i++) {
      const mirror = mirrors[i]!
      if (!mirror.takes(command, this.thread)) continue
      const other = mirror.pool.clientOf(key, keyFrom, keyTo, command.reads)
      // What a mirror does not take in time it does not get: nobody waits for it.
      if (other !== null && !other.congested) other.send(bytes, start, end, command.upstreamName, NOBODY, 0)
    }
    return true
  }
}
