// The slow side of string.find, match, gmatch and gsub, for patterns and texts that could take for ever: see the prelude.
import type { HostFunction } from '../vm/host-table.ts'
import type { LuaMachine } from '../vm/machine.ts'
import { PatternError, PatternMatcher } from '../vm/pattern-matcher.ts'
import { numberArgument, pushNil, textArgument } from './objects.ts'

/** About 10 ms. */
const MAX_STEPS = 1_000_000

interface Found {
  readonly start: number
  readonly end: number
  readonly captures: readonly (string | number)[]
}

function nextMatch(matcher: PatternMatcher, from: number, length: number, p: number, anchored: boolean): Found | null {
  for (let start = from; start <= length; start++) {
    const end = matcher.matchAt(start, p)
    if (end >= 0) return { start, end, captures: matcher.captures(start, end) }
    if (anchored) return null
  }
  return null
}

function pushAll(machine: LuaMachine, state: number, values: readonly (string | number)[]): void {
  for (const value of values) {
    if (typeof value === 'number') machine.lua.lua_pushnumber(state, value)
    else machine.pushText(state, value)
  }
}

function guarded(machine: LuaMachine, state: number, run: () => number): number {
  try {
    return run()
  } catch (error) {
    if (error instanceof PatternError) return machine.raise(state, error.message)
    throw error
  }
}

/**
 * (text, pattern, first position, whole) -> start and end, from 1 on, and the captures; where there are none and `whole`,
 * the match. Nil: no match.
 */
const findPattern: HostFunction = (machine, state) => {
  const text = textArgument(machine, state, 1)
  const pattern = textArgument(machine, state, 2)
  const init = Math.trunc(numberArgument(machine, state, 3))
  const first = init > 0 ? init - 1 : init < 0 ? Math.max(text.length + init, 0) : 0
  const anchored = pattern.startsWith('^')
  const whole = machine.lua.lua_toboolean(state, 4) !== 0
  return guarded(machine, state, () => {
    const matcher = new PatternMatcher(text, pattern, MAX_STEPS)
    const found = nextMatch(matcher, first, text.length, anchored ? 1 : 0, anchored)
    if (found === null) return pushNil(machine, state)
    machine.lua.lua_pushnumber(state, found.start + 1)
    machine.lua.lua_pushnumber(state, found.end)
    if (!matcher.hasCaptures && !whole) return 2
    pushAll(machine, state, found.captures)
    return 2 + found.captures.length
  })
}

/** (text, pattern, how many, whether ^ is an anchor) -> a list of lists: start and end, from 1 on, and the captures. */
const findAllPatterns: HostFunction = (machine, state) => {
  const { lua } = machine
  const text = textArgument(machine, state, 1)
  const pattern = textArgument(machine, state, 2)
  const most = numberArgument(machine, state, 3)
  const anchored = lua.lua_toboolean(state, 4) !== 0 && pattern.startsWith('^')
  return guarded(machine, state, () => {
    const matcher = new PatternMatcher(text, pattern, MAX_STEPS)
    lua.lua_createtable(state, 0, 0)
    let count = 0
    let at = 0
    let lastEnd = -1
    while (count < most) {
      const found = nextMatch(matcher, at, text.length, anchored ? 1 : 0, anchored)
      if (found === null) break
      // An empty match right behind another one is none.
      if (found.end !== lastEnd) {
        lastEnd = found.end
        lua.lua_createtable(state, found.captures.length + 2, 0)
        ;[found.start + 1, found.end, ...found.captures].forEach((value, i) => {
          pushAll(machine, state, [value])
          lua.lua_rawseti(state, -2, BigInt(i + 1))
        })
        lua.lua_rawseti(state, -2, BigInt(++count))
        at = found.end > found.start ? found.end : found.end + 1
      } else at = found.start + 1
      if (anchored) break
    }
    return 1
  })
}

export const PATTERN_FUNCTIONS: Readonly<Record<string, HostFunction>> = { findPattern, findAllPatterns }
