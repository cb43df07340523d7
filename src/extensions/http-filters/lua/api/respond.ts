// handle:respond(headers, body), and tables of headers.
import { type HeaderMap, HeaderName, overwriteHeader } from '../../../../http/index.ts'
import { Responded } from '../script-run.ts'
import type { HostFunction } from '../vm/host-table.ts'
import { TYPE_NIL, TYPE_TABLE } from '../vm/lua-exports.ts'
import type { LuaMachine } from '../vm/machine.ts'
import { isHeaderName, isHeaderValue } from './header-text.ts'
import { badArgument, textArgument, waitingRunOf } from './objects.ts'

export type HeaderList = (readonly [string, string])[]

/** The table at `index`: names with a value or a list of them. */
export function headerTable(machine: LuaMachine, state: number, index: number): HeaderList {
  const { lua } = machine
  if (lua.lua_type(state, index) !== TYPE_TABLE) badArgument(machine, state, index, 'table')
  const list: HeaderList = []
  const add = (name: string): void => {
    const value = machine.toTextOrNull(state, -1)
    if (value === null) machine.raise(state, `the value of header '${name}' is no string`)
    if (!isHeaderValue(value)) machine.raise(state, 'header values must not hold CR, LF or NUL')
    list.push([name, value])
  }
  lua.lua_pushnil(state)
  while (lua.lua_next(state, index) !== 0) {
    // A copy: to read a number as a text would change the key under the loop.
    lua.lua_pushvalue(state, -2)
    const name = (machine.toTextOrNull(state, -1) ?? '').toLowerCase()
    lua.lua_settop(state, -2)
    if (!isHeaderName(name)) machine.raise(state, `'${name}' is no header name`)
    if (lua.lua_type(state, -1) === TYPE_TABLE) {
      lua.lua_pushnil(state)
      while (lua.lua_next(state, -2) !== 0) {
        add(name)
        lua.lua_settop(state, -2)
      }
    } else add(name)
    lua.lua_settop(state, -2)
  }
  // Tables have no order; this way the same table always makes the same head.
  return list.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

const MIN_STATUS = 200
const MAX_STATUS = 599

export const respond: HostFunction = (machine, state) => {
  const run = waitingRunOf(machine, state)
  if (!run.isRequest) machine.raise(state, 'respond not currently supported in the response path')
  if (run.headersContinued) machine.raise(state, 'respond() cannot be called if headers have been continued')
  const hasBody = machine.lua.lua_type(state, 3) > TYPE_NIL
  const body = hasBody ? textArgument(machine, state, 3) : ''
  const headers = headerTable(machine, state, 2)
  const text = headers.find(([name]) => name === ':status')?.[1] ?? ''
  const status = /^[0-9]+$/.test(text) ? Number(text) : 0
  if (status < MIN_STATUS || status > MAX_STATUS) machine.raise(state, ':status must be between 200-599')
  run.reply = { status, body, headers: headers.filter(([name]) => !name.startsWith(':')) }
  run.state = Responded
  machine.lua.lua_pushboolean(state, 1)
  return 1
}

/** The script's headers on the answer; the same name more than once stays so. */
export function addReplyHeaders(reply: HeaderMap, headers: ScriptHeaders): void {
  for (const [name, value] of headers) {
    const header = HeaderName.named(name)
    if (header.bit === 0) reply.append(header, value)
    else overwriteHeader(reply, header, value)
  }
}

type ScriptHeaders = readonly (readonly [string, string])[]
