// timestamp() and what os has of clocks; dates are those of the process's time zone, or UTC with '!', as in C.
import type { HostFunction } from '../vm/host-table.ts'
import { TYPE_NIL, TYPE_TABLE } from '../vm/lua-exports.ts'
import type { LuaMachine } from '../vm/machine.ts'
import { type DateParts, formatDate, partsOf } from './calendar.ts'
import { badArgument, HANDLE, numberArgument, runOf, textArgument } from './objects.ts'

const MILLISECOND = '0'
const MICROSECOND = '1'

/** The optional resolution, as the number that it is. */
function resolution(machine: LuaMachine, state: number): string {
  if (machine.lua.lua_type(state, 2) <= TYPE_NIL) return MILLISECOND
  return String(machine.toTextOrNull(state, 2) ?? badArgument(machine, state, 2, 'string'))
}

export const timestamp: HostFunction = (machine, state) => {
  runOf(machine, state, HANDLE)
  if (resolution(machine, state) !== MILLISECOND) machine.raise(state, 'timestamp format must be MILLISECOND.')
  machine.lua.lua_pushnumber(state, Date.now())
  return 1
}

export const timestampString: HostFunction = (machine, state) => {
  runOf(machine, state, HANDLE)
  const unit = resolution(machine, state)
  if (unit !== MILLISECOND && unit !== MICROSECOND) {
    machine.raise(state, 'timestamp format must be MILLISECOND or MICROSECOND.')
  }
  const us = Math.floor((performance.timeOrigin + performance.now()) * 1000)
  machine.pushText(state, String(unit === MICROSECOND ? us : Date.now()))
  return 1
}

const FIELDS = ['year', 'month', 'day', 'hour', 'min', 'sec'] as const
const NOON = 12

/** os.time(): of now, or of a table with the fields of a date. */
const time: HostFunction = (machine, state) => {
  const { lua } = machine
  if (lua.lua_type(state, 1) <= TYPE_NIL) {
    lua.lua_pushnumber(state, Math.floor(Date.now() / 1000))
    return 1
  }
  if (lua.lua_type(state, 1) !== TYPE_TABLE) badArgument(machine, state, 1, 'table')
  const values = FIELDS.map(name => dateField(machine, state, name))
  const [year, month, day, hour, min, sec] = values as [number, number, number, number, number, number]
  lua.lua_pushnumber(state, Math.floor(new Date(year, month - 1, day, hour, min, sec).getTime() / 1000))
  return 1
}

function dateField(machine: LuaMachine, state: number, name: (typeof FIELDS)[number]): number {
  const { lua } = machine
  machine.pushText(state, name)
  lua.lua_rawget(state, 1)
  const absent = lua.lua_type(state, -1) === TYPE_NIL
  const value = lua.lua_tonumberx(state, -1, 0)
  lua.lua_settop(state, -2)
  if (!absent) return Math.trunc(value)
  if (name === 'hour') return NOON
  if (name === 'min' || name === 'sec') return 0
  return machine.raise(state, `field '${name}' missing in date table`)
}

/** os.date(): a text, or a table for '*t'. */
const date: HostFunction = (machine, state) => {
  const { lua } = machine
  let format = textArgument(machine, state, 1)
  const isNow = lua.lua_type(state, 2) <= TYPE_NIL
  const ms = isNow ? Date.now() : Math.floor(numberArgument(machine, state, 2)) * 1000
  const utc = format.startsWith('!')
  if (utc) format = format.slice(1)
  const parts = partsOf(new Date(ms), utc)
  if (parts === null) return machine.raise(state, 'time result cannot be represented in this installation')
  if (format.startsWith('*t')) pushParts(machine, state, parts)
  else machine.pushText(state, formatDate(format, parts))
  return 1
}

function pushParts(machine: LuaMachine, state: number, parts: DateParts): void {
  const { lua } = machine
  const { year, month, day, hour, min, sec, wday, yday } = parts
  lua.lua_createtable(state, 0, 9)
  for (const [name, value] of Object.entries({ year, month, day, hour, min, sec, wday, yday })) {
    machine.pushText(state, name)
    lua.lua_pushnumber(state, value)
    lua.lua_rawset(state, -3)
  }
  machine.pushText(state, 'isdst')
  lua.lua_pushboolean(state, 0)
  lua.lua_rawset(state, -3)
}

export const TIME_FUNCTIONS: Readonly<Record<string, HostFunction>> = {
  time,
  date,
  clock: (machine, state) => {
    machine.lua.lua_pushnumber(state, process.cpuUsage().user / 1e6)
    return 1
  },
}
