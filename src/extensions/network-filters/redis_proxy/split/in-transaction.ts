// Commands of MULTI, EXEC and WATCH: they go over connections of the client's own.
import { respCommand } from '../../../../net/resp/index.ts'
import type { ClientRequest } from '../client-request.ts'
import type { Command } from '../command-table.ts'
import { IN_TRANSACTION } from '../commands.ts'
import type { RedisProxy } from '../redis-proxy.ts'
import {
  EMPTY_ARRAY,
  errorReply,
  NESTED_MULTI,
  NO_UPSTREAM_HOST,
  OK,
  QUEUED,
  UPSTREAM_FAILURE_REPLY,
  wrongArguments,
} from '../replies.ts'
import type { Route } from '../routes.ts'
import type { Splitter } from '../splitter.ts'
import { Transaction } from '../transaction.ts'
import type { RedisClient } from '../upstream/redis-client.ts'
import { NOBODY } from '../upstream/reply-receiver.ts'

const MULTI = Buffer.from(respCommand(['MULTI']))

export function inTransaction(splitter: Splitter, proxy: RedisProxy, request: ClientRequest, command: Command): void {
  const transaction = (proxy.transaction ??= new Transaction())
  const { name } = command
  if (command.kind !== 'simple' && !IN_TRANSACTION.has(name)) {
    request.answer(errorReply(`'${splitter.word(0)}' command is not supported within transaction`))
  } else if (name === 'multi') begin(transaction, request)
  else if (name === 'exec' || name === 'discard') end(splitter, proxy, transaction, request, command)
  else if (name === 'unwatch' && transaction.key === null) request.answer(transaction.active ? QUEUED : OK)
  else if (name === 'watch' && splitter.words < 2) request.answer(wrongArguments(splitter.word(0)))
  else keyed(splitter, proxy, transaction, request, command)
}

/** Only with its first key it is known which host to tell, unless WATCH has named one. */
function begin(transaction: Transaction, request: ClientRequest): void {
  if (transaction.active) {
    request.answer(NESTED_MULTI)
    return
  }
  transaction.active = true
  if (transaction.key === null) {
    request.answer(OK)
    return
  }
  transaction.begun = true
  relay(transaction, request, 'unknown', MULTI, 0, MULTI.length)
}

function end(
  splitter: Splitter,
  proxy: RedisProxy,
  transaction: Transaction,
  request: ClientRequest,
  command: Command,
): void {
  const { name } = command
  if (!transaction.active) {
    request.answer(errorReply(`${name.toUpperCase()} without MULTI`))
    return
  }
  if (transaction.key === null) request.answer(name === 'exec' ? EMPTY_ARRAY : OK)
  else sendOn(splitter, proxy, transaction, request, command, -1)
  endTransaction(proxy, transaction)
}

/** What follows must see what it has done. */
function endTransaction(proxy: RedisProxy, transaction: Transaction): void {
  transaction.end()
  proxy.awaitIdle()
}

function keyed(
  splitter: Splitter,
  proxy: RedisProxy,
  transaction: Transaction,
  request: ClientRequest,
  command: Command,
): void {
  const hasKey = splitter.words > 1
  const first = transaction.key === null
  if (first && !open(splitter, proxy, transaction, command)) {
    request.reject(NO_UPSTREAM_HOST)
    return
  }
  if (transaction.active && !transaction.begun) {
    transaction.begun = true
    for (const client of transaction.clients) client?.send(MULTI, 0, MULTI.length, 'unknown', NOBODY, 0)
  }
  sendOn(splitter, proxy, transaction, request, command, hasKey ? 1 : -1)
  // Without MULTI nothing is left to be watched.
  if (command.name === 'unwatch' && !transaction.active) endTransaction(proxy, transaction)
}

/** Connects to the host of the first key; false: there is none. */
function open(splitter: Splitter, proxy: RedisProxy, transaction: Transaction, command: Command): boolean {
  const { bytes } = splitter
  const route = splitter.routes.find(bytes, splitter.from(1), splitter.to(1))
  if (route === null) return false
  const key = Buffer.from(route.keyOf(bytes, splitter.from(1), splitter.to(1), proxy.info))
  const client = route.poolFor(command).openOwn(key, 0, key.length)
  if (client === null) return false
  transaction.key = key
  transaction.route = route
  transaction.clients.push(client, ...openMirrors(splitter, route, command, key))
  return true
}

function openMirrors({ thread }: Splitter, route: Route, command: Command, key: Buffer): (RedisClient | null)[] {
  return route.mirrors.map(mirror => (mirror.takes(command, thread) ? mirror.pool.openOwn(key, 0, key.length) : null))
}

/** Sends the request as it is, but for the name of its key at `keyAt`. */
function sendOn(
  splitter: Splitter,
  proxy: RedisProxy,
  transaction: Transaction,
  request: ClientRequest,
  { upstreamName: name }: Command,
  keyAt: number,
): void {
  const { bytes, scanner, start, end, writer } = splitter
  const { route } = transaction
  if (scanner.canonical && (keyAt < 0 || route?.changesKeys !== true)) {
    relay(transaction, request, name, bytes, start, end)
    return
  }
  const key =
    keyAt < 0 || route === null ? bytes : route.keyOf(bytes, splitter.from(keyAt), splitter.to(keyAt), proxy.info)
  splitter.copy(keyAt, key)
  relay(transaction, request, name, writer.bytes, 0, writer.end)
}

function relay(
  { clients }: Transaction,
  request: ClientRequest,
  name: string,
  bytes: Buffer,
  start: number,
  end: number,
): void {
  const client = clients[0]
  // What was queued on a connection that is gone is lost: going on over another would do half of it.
  if (client == null || client.closed) {
    request.fail(UPSTREAM_FAILURE_REPLY)
    return
  }
  client.send(bytes, start, end, name, request, 0)
  for (let i = 1; i < clients.length; i++) {
    const mirror = clients[i]
    if (mirror != null && !mirror.closed) mirror.send(bytes, start, end, name, NOBODY, 0)
  }
}
