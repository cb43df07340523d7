// What TypeScript gives to Lua: functions, and classes of objects with their methods.
import type { LuaMachine } from './machine.ts'

/** A lua_CFunction: arguments are on the state's stack, the answer is how many results were pushed. */
export type HostFunction = (machine: LuaMachine, state: number) => number

export interface HostTable {
  /** For the prelude. */
  readonly functions: Readonly<Record<string, HostFunction>>
  /** Methods by kind of object; the first is the stream handle's. */
  readonly classes: readonly Readonly<Record<string, HostFunction>>[]
}
