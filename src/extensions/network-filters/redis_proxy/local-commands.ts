// Commands that no host hears of.
import { timingSafeEqual } from 'node:crypto'
import { array, bulkString, encodeValue, integer, map, type RespVersion } from '../../../net/resp/index.ts'
import type { ClientRequest } from './client-request.ts'
import type { Command } from './command-table.ts'
import type { AuthAnswer, ExternalAuth } from './external-auth.ts'
import type { RedisProxy } from './redis-proxy.ts'
import type { RedisProxyPlan } from './redis-proxy-plan.ts'
import { errorReply, NO_AUTH, NO_PROTO, OK, PONG } from './replies.ts'
import type { Splitter } from './splitter.ts'
import { COMMAND_TOTAL } from './stats.ts'

const WRONG_PASS = errorReply('WRONGPASS invalid username-password pair')
const NO_PASSWORD_SET = errorReply('ERR Client sent AUTH, but no password is set')
const NO_PAIR_SET = errorReply('ERR Client sent AUTH, but no username-password pair is set')
const INVALID_PASSWORD = errorReply('ERR invalid password')
const AUTH_FAILED = errorReply('ERR external authentication failed')
const NO_CLIENT_NAME = errorReply('ERR Syntax error: HELLO SETNAME requires a <clientname>')
const NO_CREDENTIALS = errorReply('ERR Syntax error: HELLO AUTH requires <username> <password>')

/** `command` is of kind 'local'. */
export function answerLocally(splitter: Splitter, proxy: RedisProxy, command: Command): void {
  if (command.name === 'auth') auth(splitter, proxy)
  else if (command.name === 'hello') hello(splitter, proxy, command)
  else if (!proxy.allowed && command.name !== 'quit') proxy.begin(null).answer(NO_AUTH)
  else if (command.name === 'ping') proxy.begin(null).answer(PONG)
  else if (command.name === 'quit') {
    proxy.quit()
    proxy.begin(null).answer(OK)
  } else other(splitter, proxy, command)
}

function other(splitter: Splitter, proxy: RedisProxy, { name }: Command): void {
  if (name === 'time') time(splitter, proxy)
  else if (name === 'echo') {
    if (splitter.words === 2)
      proxy.begin(null).answer(Buffer.from(encodeValue(bulkString(splitter.word(1)), 2), 'latin1'))
    else splitter.invalid(proxy)
  } else client(splitter, proxy)
}

/** What drivers tell of themselves when they begin is taken; other subcommands are about connections that nobody has. */
function client(splitter: Splitter, proxy: RedisProxy): void {
  if (splitter.words < 2) {
    splitter.invalid(proxy)
    return
  }
  const subcommand = splitter.word(1)
  const known = ['setinfo', 'setname'].includes(subcommand.toLowerCase())
  const refusal = errorReply(`ERR CLIENT subcommand '${subcommand}' is not supported by the proxy`)
  proxy.begin(null).answer(known ? OK : refusal)
}

/** As Envoy: the second is not the rest of the first, but the whole in microseconds. */
function time({ thread }: Splitter, proxy: RedisProxy): void {
  const micros = Math.floor(thread.clock.wallMs() * 1000)
  const values = [Math.floor(micros / 1_000_000), micros].map(value => bulkString(String(value)))
  proxy.begin(null).answer(Buffer.from(encodeValue(array(values), 2)))
}

// ---- who may

function auth(splitter: Splitter, proxy: RedisProxy): void {
  const { plan, words } = splitter
  if (words < 2) {
    splitter.invalid(proxy)
    return
  }
  const request = proxy.begin(null)
  if (plan.externalAuth !== null) {
    const [username, password] = words === 3 ? [splitter.word(1), splitter.word(2)] : ['', splitter.word(1)]
    askService(splitter, proxy, request, plan.externalAuth, username, password, null)
    return
  }
  if (words === 3) {
    if (!splitter.asksForPassword) {
      request.answer(NO_PAIR_SET)
      return
    }
    proxy.allow(isAllowed(plan, splitter.word(1), splitter.word(2)))
    request.answer(proxy.allowed ? OK : WRONG_PASS)
    return
  }
  if (plan.passwords.length === 0) {
    request.answer(NO_PASSWORD_SET)
    return
  }
  proxy.allow(hasPassword(plan, splitter.word(1)))
  request.answer(proxy.allowed ? OK : INVALID_PASSWORD)
}

/** `version`: of HELLO; null: it is AUTH. */
function askService(
  { thread }: Splitter,
  proxy: RedisProxy,
  request: ClientRequest,
  service: ExternalAuth,
  username: string,
  password: string,
  version: RespVersion | null,
): void {
  const onAnswer = ({ allowed, message, expiresMs }: AuthAnswer): void => {
    if (allowed !== null) proxy.allow(allowed, service.expires ? expiresMs : undefined)
    if (allowed === true && version !== null) proxy.version = version
    if (allowed === true) request.answer(version === null ? OK : helloReply(version))
    else if (allowed === null) request.answer(AUTH_FAILED)
    else if (version === null) request.answer(errorReply(`ERR ${message === '' ? 'unauthorized' : message}`))
    else request.answer(message === '' ? WRONG_PASS : errorReply(`WRONGPASS ${message}`))
    proxy.onAuthAnswer()
  }
  proxy.awaitAuth(() => service.ask(thread, username, password, onAnswer))
}

/** Without a configured name the default user may be named, or left unnamed. */
function isAllowed(plan: RedisProxyPlan, username: string, password: string): boolean {
  const named = plan.username === '' ? username === '' || username === 'default' : username === plan.username
  return hasPassword(plan, password) && named
}

function hasPassword({ passwords }: RedisProxyPlan, password: string): boolean {
  let found = false
  for (const known of passwords) if (isEqual(known, password)) found = true
  return found
}

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))
}

// ---- HELLO

interface HelloOptions {
  readonly credentials: readonly [username: string, password: string] | null
  /** What is wrong with them. */
  readonly error: Buffer | null
}

function hello(splitter: Splitter, proxy: RedisProxy, command: Command): void {
  const request = proxy.begin(command)
  command.stats.cells[COMMAND_TOTAL]! += 1
  const version = helloVersion(splitter, proxy)
  if (version === null) {
    request.reject(NO_PROTO)
    return
  }
  const options = helloOptions(splitter)
  if (options.error !== null) {
    request.reject(options.error)
    return
  }
  const { externalAuth } = splitter.plan
  if (options.credentials !== null) {
    if (externalAuth !== null) {
      askService(splitter, proxy, request, externalAuth, ...options.credentials, version)
      return
    }
    if (!splitter.asksForPassword) {
      request.answer(NO_PAIR_SET)
      return
    }
    proxy.allow(isAllowed(splitter.plan, ...options.credentials))
  }
  if (!proxy.allowed) {
    request.reject(options.credentials === null ? NO_AUTH : WRONG_PASS)
    return
  }
  proxy.version = version
  command.countEnd(true)
  request.answer(helloReply(version))
}

/** Null: this proxy does not speak it. */
function helloVersion(splitter: Splitter, proxy: RedisProxy): RespVersion | null {
  const { version } = splitter.plan.settings
  const asked = splitter.words > 1 ? Number(splitter.word(1)) : proxy.version
  return asked === version ? version : null
}

function helloOptions(splitter: Splitter): HelloOptions {
  let credentials: HelloOptions['credentials'] = null
  for (let at = 2; at < splitter.words; ) {
    const option = splitter.word(at).toUpperCase()
    if (option === 'AUTH') {
      if (at + 2 >= splitter.words) return wrong(NO_CREDENTIALS)
      credentials = [splitter.word(at + 1), splitter.word(at + 2)]
      at += 3
    } else if (option === 'SETNAME') {
      if (at + 1 >= splitter.words) return wrong(NO_CLIENT_NAME)
      at += 2
    } else return wrong(errorReply(`ERR Syntax error: unknown HELLO option '${splitter.word(at)}'`))
  }
  return { credentials, error: null }
}

function wrong(error: Buffer): HelloOptions {
  return { credentials: null, error }
}

/** The proxy is one Redis to its clients, whatever stands behind it; the words are Envoy's. */
function helloReply(version: RespVersion): Buffer {
  const fields: readonly (readonly [string, string | number])[] = [
    ['server', 'envoy-redis-proxy'],
    ['version', '6.0.0'],
    ['proto', version],
    ['id', 0],
    ['mode', 'standalone'],
    ['role', 'master'],
  ]
  const items = fields.flatMap(([name, value]) => [
    bulkString(name),
    typeof value === 'number' ? integer(value) : bulkString(value),
  ])
  return Buffer.from(encodeValue(map([...items, bulkString('modules'), array([])]), version))
}
