// handle:httpCall: a request of the script's own, over the pools and breakers of its cluster.
import { CONTENT_LENGTH, HeaderMap, HeaderName, X_ENVOY_INTERNAL, X_FORWARDED_FOR } from '../../../../http/index.ts'
import { ownAddress } from '../../../../net/index.ts'
import {
  AsyncRequest,
  type AsyncRequestCallbacks,
  type AsyncResponse,
  type AsyncStreamOptions,
  httpCallSpan,
  type UpstreamThread,
} from '../../../../upstream/index.ts'
import { type ScriptRun, WaitForCall } from '../script-run.ts'
import type { HostFunction } from '../vm/host-table.ts'
import { TYPE_BOOLEAN, TYPE_NIL, TYPE_TABLE } from '../vm/lua-exports.ts'
import type { LuaMachine } from '../vm/machine.ts'
import { setPseudo } from './headers.ts'
import { numberArgument, textArgument, waitingRunOf } from './objects.ts'
import { type HeaderList, headerTable } from './respond.ts'

/** A larger answer is none. */
const MAX_RESPONSE_BYTES = 1024 * 1024
const MAX_KEPT_OPTIONS = 256
const CALL_ARGUMENTS = 6

interface CallSettings {
  timeoutMs: number
  asynchronous: boolean
  keepsDuplicates: boolean
  tellsOwnAddress: boolean
  /** The span of the call is sent; null: as that of the request. */
  traceSampled: boolean | null
}

/** The async client keeps a route per options object. */
const kept = new Map<string, AsyncStreamOptions>()

function optionsFor(cluster: string, timeoutMs: number): AsyncStreamOptions {
  const key = `${timeoutMs} ${cluster}`
  let options = kept.get(key)
  if (options === undefined) {
    options = { cluster, timeoutMs, retryPolicy: null }
    if (kept.size >= MAX_KEPT_OPTIONS) kept.clear()
    kept.set(key, options)
  }
  return options
}

function readSettings(machine: LuaMachine, state: number): CallSettings {
  const { lua } = machine
  const settings: CallSettings = {
    timeoutMs: 0,
    asynchronous: false,
    keepsDuplicates: false,
    tellsOwnAddress: true,
    traceSampled: null,
  }
  if (lua.lua_type(state, 5) === TYPE_TABLE) {
    readOptions(machine, state, settings)
    return settings
  }
  const flag = lua.lua_type(state, CALL_ARGUMENTS)
  if (flag >= TYPE_NIL && flag !== TYPE_BOOLEAN) {
    machine.raise(state, "http call asynchronous flag must be 'true', 'false', or empty")
  }
  settings.timeoutMs = timeout(machine, state, 5)
  settings.asynchronous = flag === TYPE_BOOLEAN && lua.lua_toboolean(state, CALL_ARGUMENTS) !== 0
  return settings
}

function timeout(machine: LuaMachine, state: number, index: number): number {
  const timeoutMs = Math.trunc(numberArgument(machine, state, index))
  if (!(timeoutMs >= 0)) machine.raise(state, 'http call timeout must be >= 0')
  return timeoutMs
}

function readOptions(machine: LuaMachine, state: number, settings: CallSettings): void {
  const { lua } = machine
  lua.lua_pushnil(state)
  while (lua.lua_next(state, 5) !== 0) {
    const key = textArgument(machine, state, -2)
    const truth = lua.lua_toboolean(state, -1) !== 0
    if (key === 'timeout_ms') settings.timeoutMs = timeout(machine, state, -1)
    else if (key === 'asynchronous') settings.asynchronous = truth
    else if (key === 'return_duplicate_headers') settings.keepsDuplicates = truth
    else if (key === 'send_xff') settings.tellsOwnAddress = truth
    else if (key === 'trace_sampled') settings.traceSampled = truth
    else {
      machine.raise(state, `"${key}" is not valid key for httpCall() options`)
    }
    lua.lua_settop(state, -2)
  }
}

function requestHeaders(machine: LuaMachine, state: number, list: HeaderList, body: Buffer | null): HeaderMap {
  const headers = HeaderMap.acquire()
  headers.scheme = 'http'
  for (const [name, value] of list) {
    if (!name.startsWith(':')) headers.append(HeaderName.named(name), value)
    else if (!setPseudo(headers, name, value)) machine.raise(state, `cannot set '${name}' to '${value}'`)
  }
  if (headers.method === '' || !headers.hasPath || headers.authority === '') {
    machine.raise(state, "http call headers must include ':path', ':method', and ':authority'")
  }
  if (body !== null) headers.set(CONTENT_LENGTH, String(body.length))
  return headers
}

/** A call that the script waits for; it may be answered before it has begun to wait. */
export class PendingCall implements AsyncRequestCallbacks {
  /** The answer, where it came at once. */
  answer: AsyncResponse | 'failed' | null = null
  readonly keepsDuplicates: boolean
  private readonly run: ScriptRun
  private request: AsyncRequest | null = null
  private waiting = false

  constructor(run: ScriptRun, keepsDuplicates: boolean) {
    this.run = run
    this.keepsDuplicates = keepsDuplicates
  }

  wait(request: AsyncRequest): void {
    this.request = request
    this.waiting = true
  }

  onAsyncResponse(response: AsyncResponse): void {
    if (this.waiting)
      this.run.onCallComplete((machine, state) => pushAnswer(machine, state, response, this.keepsDuplicates))
    else this.answer = { headers: response.headers.clone(), body: response.body }
  }

  onAsyncFailure(): void {
    if (this.waiting) this.run.onCallComplete((machine, state) => pushAnswer(machine, state, 'failed', false))
    else this.answer = 'failed'
  }

  cancel(): void {
    this.request?.cancel()
  }
}

/** Of a call that nobody waits for. */
const NOBODY: AsyncRequestCallbacks = { onAsyncResponse: () => undefined, onAsyncFailure: () => undefined }

export const httpCall: HostFunction = (machine, state) => {
  const run = waitingRunOf(machine, state)
  const { lua } = machine
  const settings = readSettings(machine, state)
  const cluster = Buffer.from(textArgument(machine, state, 2), 'latin1').toString('utf8')
  const list = headerTable(machine, state, 3)
  const body = lua.lua_type(state, 4) > TYPE_NIL ? Buffer.from(textArgument(machine, state, 4), 'latin1') : null
  const thread = run.filter.callbacks.thread as UpstreamThread
  if (thread.clusters.get(cluster) === undefined) {
    machine.raise(state, 'http call cluster invalid. Must be configured')
  }
  const headers = requestHeaders(machine, state, list, body)
  headers.set(X_ENVOY_INTERNAL, 'true')
  if (settings.tellsOwnAddress) headers.append(X_FORWARDED_FOR, ownAddress())
  const options = optionsFor(cluster, settings.timeoutMs)
  const span = httpCallSpan(run.filter.callbacks.info, thread, cluster)
  if (span !== null && settings.traceSampled !== null) span.sampled = settings.traceSampled
  const send = (callbacks: AsyncRequestCallbacks): AsyncRequest =>
    AsyncRequest.send(thread.asyncClient, options, headers, body, MAX_RESPONSE_BYTES, callbacks, span)
  if (settings.asynchronous) {
    send(NOBODY)
    lua.lua_pushboolean(state, 0)
    return 1
  }
  const call = new PendingCall(run, settings.keepsDuplicates)
  const request = send(call)
  if (call.answer !== null) {
    lua.lua_pushboolean(state, 0)
    return 1 + pushAnswer(machine, state, call.answer, call.keepsDuplicates)
  }
  call.wait(request)
  run.call = call
  run.state = WaitForCall
  lua.lua_pushboolean(state, 1)
  return 1
}

/** The headers as a table and the body as a text; what failed looks like an answer with 503. */
function pushAnswer(
  machine: LuaMachine,
  state: number,
  answer: AsyncResponse | 'failed',
  keepsDuplicates: boolean,
): number {
  const { lua } = machine
  const fields = new Map<string, string[]>()
  fields.set(':status', [answer === 'failed' ? '503' : String(answer.headers.status)])
  if (answer !== 'failed') {
    answer.headers.forEach((name, value) => {
      const values = fields.get(name)
      if (values === undefined) fields.set(name, [value])
      else values.push(value)
    })
  }
  lua.lua_createtable(state, 0, fields.size)
  for (const [name, values] of fields) {
    machine.pushText(state, name)
    if (keepsDuplicates && values.length > 1) {
      lua.lua_createtable(state, values.length, 0)
      values.forEach((value, i) => {
        machine.pushText(state, value)
        lua.lua_rawseti(state, -2, BigInt(i + 1))
      })
    } else machine.pushText(state, values[values.length - 1]!)
    lua.lua_rawset(state, -3)
  }
  if (answer === 'failed') machine.pushText(state, 'upstream failure')
  else if (answer.body.length === 0) lua.lua_pushnil(state)
  else machine.pushBytes(state, answer.body, 0, answer.body.length)
  return 2
}
