// HOT FILE (docs/hot-path.md): the stream handle, which scripts get as their only argument.
import { endpointOf } from '../../../../net/index.ts'
import {
  OWN_HEADERS,
  REQUEST_HEADERS,
  TRAILERS,
  WaitForBody,
  WaitForBodyChunk,
  WaitForTrailers,
  WHOLE_BODY,
} from '../script-run.ts'
import type { HostFunction } from '../vm/host-table.ts'
import { TYPE_BOOLEAN } from '../vm/lua-exports.ts'
import { base64Decode, base64Escape, importPublicKey, verifySignature } from './crypto.ts'
import { httpCall } from './http-call.ts'
import { FILTER_CONTEXT, ROUTE_METADATA } from './metadata.ts'
import {
  BUFFER,
  badArgument,
  CONNECTION,
  CONNECTION_STREAM_INFO,
  HANDLE,
  HEADERS,
  METADATA,
  pushObject,
  ROUTE,
  ROUTE_HANDLE,
  runOf,
  STREAM_INFO,
  textArgument,
  VIRTUAL_HOST,
  waitingRunOf,
} from './objects.ts'
import { respond } from './respond.ts'
import { timestamp, timestampString } from './time.ts'

/** A method that gives an object. */
const object =
  (kind: number, detail = 0): HostFunction =>
  (machine, state) => {
    runOf(machine, state, HANDLE)
    return pushObject(machine, state, kind, detail)
  }

/** What scripts that name clusters get: the head of a request, and nothing that waits. */
export const ROUTE_HANDLE_METHODS: Readonly<Record<string, HostFunction>> = {
  headers: (machine, state) => {
    runOf(machine, state, ROUTE_HANDLE)
    return pushObject(machine, state, HEADERS, OWN_HEADERS)
  },
}

/** nil in the answer to what was no request. */
const requestHeaders: HostFunction = (machine, state) => {
  if (runOf(machine, state, HANDLE).filter.callbacks.requestHeaders !== null) {
    return pushObject(machine, state, HEADERS, REQUEST_HEADERS)
  }
  machine.lua.lua_pushnil(state)
  return 1
}

/** Results of calls that may wait begin with whether they do. */
const waits: HostFunction = (machine, state) => {
  machine.lua.lua_pushboolean(state, 1)
  return 1
}

const body: HostFunction = (machine, state) => {
  const run = waitingRunOf(machine, state)
  const { lua } = machine
  let wraps = false
  if (lua.lua_gettop(state) >= 2) {
    if (lua.lua_type(state, 2) !== TYPE_BOOLEAN) badArgument(machine, state, 2, 'boolean')
    wraps = lua.lua_toboolean(state, 2) !== 0
  }
  if (!run.endStream) {
    if (run.sawBody) machine.raise(state, 'cannot call body() after body streaming has started')
    run.state = WaitForBody
    run.bufferedBody = true
    run.wrapsEmptyBody ||= wraps
    return waits(machine, state)
  }
  if (run.sawBody && !run.bufferedBody) machine.raise(state, 'cannot call body() after body has been streamed')
  run.wrapsEmptyBody ||= wraps
  lua.lua_pushboolean(state, 0)
  if (!run.hasBody) return 1
  return 1 + pushObject(machine, state, BUFFER, WHOLE_BODY)
}

const bodyChunks: HostFunction = (machine, state) => {
  if (waitingRunOf(machine, state).sawBody) {
    machine.raise(state, 'cannot call bodyChunks after body processing has begun')
  }
  return 0
}

/** What the iterator of bodyChunks() calls. */
export const nextChunk: HostFunction = (machine, state) => {
  const run = waitingRunOf(machine, state)
  if (!run.endStream) {
    run.state = WaitForBodyChunk
    return waits(machine, state)
  }
  machine.lua.lua_pushboolean(state, 0)
  return 1
}

const trailers: HostFunction = (machine, state) => {
  const run = waitingRunOf(machine, state)
  if (!run.endStream) {
    run.state = WaitForTrailers
    return waits(machine, state)
  }
  machine.lua.lua_pushboolean(state, 0)
  return run.hasTrailers ? 1 + pushObject(machine, state, HEADERS, TRAILERS) : 1
}

const clearRouteCache: HostFunction = (machine, state) => {
  const run = runOf(machine, state, HANDLE)
  if (run.isRequest) run.filter.callbacks.clearRouteCache()
  return 0
}

const setUpstreamOverrideHost: HostFunction = (machine, state) => {
  const { info } = runOf(machine, state, HANDLE).filter.callbacks
  const host = textArgument(machine, state, 2)
  if (endpointOf(host).ip === null) machine.raise(state, 'host is not a valid IP address')
  let strict = false
  if (machine.lua.lua_gettop(state) >= 3) {
    if (machine.lua.lua_type(state, 3) !== TYPE_BOOLEAN) badArgument(machine, state, 3, 'boolean')
    strict = machine.lua.lua_toboolean(state, 3) !== 0
  }
  info.upstreamOverrideHost = host
  info.upstreamOverrideHostStrict = strict
  return 0
}

export const HANDLE_METHODS: Readonly<Record<string, HostFunction>> = {
  headers: object(HEADERS, OWN_HEADERS),
  requestHeaders,
  body,
  bodyChunks,
  trailers,
  metadata: object(METADATA, ROUTE_METADATA),
  filterContext: object(METADATA, FILTER_CONTEXT),
  virtualHost: object(VIRTUAL_HOST),
  route: object(ROUTE),
  streamInfo: object(STREAM_INFO),
  connection: object(CONNECTION),
  connectionStreamInfo: object(CONNECTION_STREAM_INFO),
  httpCall,
  respond,
  clearRouteCache,
  setUpstreamOverrideHost,
  importPublicKey,
  verifySignature,
  base64Escape,
  base64Decode,
  timestamp,
  timestampString,
  stats: (machine, state) => machine.raise(state, 'stats() is not part of this release'),
}
