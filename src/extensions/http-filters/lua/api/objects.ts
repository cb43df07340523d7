// HOT FILE (docs/hot-path.md): the objects that scripts hold, and how a method finds what it is about.

import type { ScriptRun } from '../script-run.ts'
import type { LuaMachine } from '../vm/machine.ts'

// Kinds, as positions in the list of classes.
export const HANDLE = 0
export const HEADERS = 1
export const BUFFER = 2
export const METADATA = 3
export const STREAM_INFO = 4
export const DYNAMIC_METADATA = 5
export const FILTER_STATE = 6
export const CONNECTION = 7
export const SSL = 8
export const PARSED_NAME = 9
export const PUBLIC_KEY = 10
export const CONNECTION_STREAM_INFO = 11
export const VIRTUAL_HOST = 12
export const ROUTE = 13
export const ROUTE_HANDLE = 14

const NAMES = [
  ...['stream handle', 'header map', 'buffer', 'metadata', 'stream info', 'dynamic metadata', 'filter state'],
  ...[
    'connection',
    'SSL connection',
    'parsed name',
    'public key',
    'connection stream info',
    'virtual host',
    'route',
    'route handle',
  ],
]

/**
 * The run under way, to which the object at index 1 belongs. A handle lives as long as its run, anything else until the
 * script waits; a script that keeps them longer gets an error instead of another request's data.
 */
export function runOf(machine: LuaMachine, state: number, kind: number): ScriptRun {
  const object = machine.object(state, 1)
  if (object === 0 || machine.kindOf(object) !== kind) {
    machine.raise(state, `bad self (${NAMES[kind]} expected, got ${machine.typeName(state, 1)})`)
  }
  const run = machine.owner as ScriptRun | null
  if (run === null || machine.tagOf(object) !== (kind === HANDLE ? run.id : run.slice)) {
    machine.raise(state, 'object used outside of proper scope')
  }
  return run
}

/** What the object at index 1 was made for, once it is known to be one. */
export const detailOf = (machine: LuaMachine, state: number): number => machine.detailOf(machine.object(state, 1))

/** The run, where the method may wait: not inside of a coroutine that the script made. */
export function waitingRunOf(machine: LuaMachine, state: number): ScriptRun {
  const run = runOf(machine, state, HANDLE)
  if (run.luaState !== state) machine.raise(state, "this call may wait: not in a coroutine of the script's own")
  return run
}

/** A result that is nil; no result at all is something else to tostring() and the like. */
export function pushNil(machine: LuaMachine, state: number): number {
  machine.lua.lua_pushnil(state)
  return 1
}

/** Creates an object that lives until the script waits. */
export function pushObject(machine: LuaMachine, state: number, kind: number, detail = 0): number {
  machine.pushObject(state, kind, (machine.owner as ScriptRun).slice, detail)
  return 1
}

export function textArgument(machine: LuaMachine, state: number, index: number): string {
  return machine.toTextOrNull(state, index) ?? badArgument(machine, state, index, 'string')
}

export function numberArgument(machine: LuaMachine, state: number, index: number): number {
  // Texts that look like numbers are numbers; that a text is one, tolstring tells, which leaves numbers alone otherwise.
  const { lua } = machine
  const value = lua.lua_tonumberx(state, index, 0)
  if (value === 0 && machine.toTextOrNull(state, index) === null) badArgument(machine, state, index, 'number')
  return value
}

export function badArgument(machine: LuaMachine, state: number, index: number, expected: string): never {
  const found = machine.typeName(state, index)
  return machine.raise(state, `bad argument #${index} (${expected} expected, got ${found})`)
}
