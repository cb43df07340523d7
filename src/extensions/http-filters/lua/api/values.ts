// Values of JSON (metadata, filter contexts) in and out of Lua. Their texts are Unicode here and UTF-8 there.
import { toWireText } from '../../../../base/index.ts'
import { TYPE_BOOLEAN, TYPE_NIL, TYPE_NUMBER, TYPE_STRING, TYPE_TABLE } from '../vm/lua-exports.ts'
import type { LuaMachine } from '../vm/machine.ts'

const MAX_DEPTH = 32
const SLOTS_PER_LEVEL = 4

export function pushValue(machine: LuaMachine, state: number, value: unknown): void {
  const { lua } = machine
  if (typeof value === 'string') machine.pushText(state, toWireText(value))
  else if (typeof value === 'number') lua.lua_pushnumber(state, value)
  else if (typeof value === 'boolean') lua.lua_pushboolean(state, value ? 1 : 0)
  else if (Array.isArray(value)) pushList(machine, state, value)
  else if (typeof value === 'object' && value !== null) pushFields(machine, state, value)
  else lua.lua_pushnil(state)
}

function pushList(machine: LuaMachine, state: number, list: readonly unknown[]): void {
  const { lua } = machine
  if (lua.lua_checkstack(state, SLOTS_PER_LEVEL) === 0) machine.raise(state, 'value is nested too deeply')
  lua.lua_createtable(state, list.length, 0)
  list.forEach((item, i) => {
    pushValue(machine, state, item)
    lua.lua_rawseti(state, -2, BigInt(i + 1))
  })
}

export function pushFields(machine: LuaMachine, state: number, fields: object): void {
  const { lua } = machine
  if (lua.lua_checkstack(state, SLOTS_PER_LEVEL) === 0) machine.raise(state, 'value is nested too deeply')
  const entries = Object.entries(fields)
  lua.lua_createtable(state, 0, entries.length)
  for (const [name, value] of entries) {
    machine.pushText(state, toWireText(name))
    pushValue(machine, state, value)
    lua.lua_rawset(state, -3)
  }
}

/** The texts as a table with keys from 1 on. */
export function pushTexts(machine: LuaMachine, state: number, texts: readonly string[]): number {
  pushList(machine, state, texts)
  return 1
}

/** The value at `index`, which must be one that metadata can hold. */
export function readValue(machine: LuaMachine, state: number, index: number, depth = 0): unknown {
  const { lua } = machine
  switch (lua.lua_type(state, index)) {
    case TYPE_NIL:
      return null
    case TYPE_BOOLEAN:
      return lua.lua_toboolean(state, index) !== 0
    case TYPE_NUMBER:
      return lua.lua_tonumberx(state, index, 0)
    case TYPE_STRING:
      return Buffer.from(machine.toTextOrNull(state, index) ?? '', 'latin1').toString('utf8')
    case TYPE_TABLE:
      return readTable(machine, state, index, depth)
    default:
      return machine.raise(state, `unsupported value of type ${machine.typeName(state, index)}`)
  }
}

/** A list where all keys are positive whole numbers, otherwise an object with texts for keys. */
function readTable(machine: LuaMachine, state: number, index: number, depth: number): unknown {
  const { lua } = machine
  if (depth === MAX_DEPTH || lua.lua_checkstack(state, SLOTS_PER_LEVEL) === 0) {
    machine.raise(state, `tables are nested deeper than ${MAX_DEPTH}`)
  }
  const at = index < 0 ? lua.lua_gettop(state) + 1 + index : index
  const entries: (readonly [string | number, unknown])[] = []
  lua.lua_pushnil(state)
  while (lua.lua_next(state, at) !== 0) {
    entries.push([readKey(machine, state), readValue(machine, state, -1, depth + 1)])
    lua.lua_settop(state, -2)
  }
  if (entries.length > 0 && entries.every(([key]) => typeof key === 'number' && key >= 1 && key <= entries.length)) {
    const list = new Array<unknown>(entries.length).fill(null)
    for (const [key, value] of entries) list[(key as number) - 1] = value
    return list
  }
  if (entries.some(([key]) => typeof key !== typeof entries[0]?.[0])) {
    machine.raise(state, 'a table is a list or has texts for keys, not both')
  }
  return Object.fromEntries(entries)
}

/** A key that is no text stays what it is: to turn it into one would lose the place among the keys. */
function readKey(machine: LuaMachine, state: number): string | number {
  const type = machine.lua.lua_type(state, -2)
  if (type === TYPE_NUMBER) return machine.lua.lua_tonumberx(state, -2, 0)
  if (type === TYPE_STRING) return readValue(machine, state, -2) as string
  return machine.raise(state, 'keys of metadata tables are strings or numbers')
}
