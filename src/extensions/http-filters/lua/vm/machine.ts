// HOT FILE (docs/hot-path.md): one Lua state in a memory of its own, and the way in and out of it. Strings are bytes:
// latin1 on this side. What goes wrong inside comes out of `resume` as a text; nothing is thrown to the caller.
import type { HostFunction, HostTable } from './host-table.ts'
import { type LuaInstance, newInstance } from './instance.ts'
import {
  LUA_HOOK_COUNT_MASK,
  LUA_OK,
  LUA_REGISTRY,
  LUA_YIELD,
  type LuaExports,
  TYPE_FUNCTION,
  TYPE_NIL,
} from './lua-exports.ts'
import { PRELUDE } from './prelude.ts'
import { thunkModule } from './thunks.ts'

export interface LuaLimits {
  /** Memory of one machine; the smallest is what it starts with, 16 MiB. */
  readonly maxMemoryBytes: number
  /** Instructions of one run, which is what happens between two waits. */
  readonly maxInstructions: number
  /** CPU time of one run. */
  readonly maxCpuMs: number
}

export const DEFAULT_LIMITS: LuaLimits = {
  maxMemoryBytes: 64 * 1024 * 1024,
  maxInstructions: 10_000_000,
  maxCpuMs: 200,
}

/** So often it is looked whether a script has had enough. */
const INSTRUCTIONS_PER_LOOK = 10_000
const MAX_SPARE_THREADS = 64
const SCRATCH_BYTES = 16_384
const SHORT = 24
const OBJECT_BYTES = 16
/** Of a machine's memory, after everything unused was collected: with more in use, another machine takes over. */
const FULL = 0.5

/** Thrown through Lua by the instruction hook: no pcall of the script can catch it. */
class RunAway extends Error {}

const cpuUs = (): number => process.threadCpuUsage().user

const thunks = new Map<number, WebAssembly.Module>()

/** A coroutine; `ref` keeps it from being collected. */
export interface LuaThread {
  readonly state: number
  readonly ref: number
}

export class LuaMachine {
  readonly lua: LuaExports
  readonly main: number
  /** The error of the last `resume` or `load` that failed, latin1. */
  error = ''
  /** Whoever is running; kept by the owner of the machine. */
  owner: object | null = null
  /** Its memory is full, or it cannot be trusted any more: no new run should begin in it. */
  worn = false
  private readonly instance: LuaInstance
  private readonly limits: LuaLimits
  private heap: Buffer
  private words: Int32Array
  private readonly scratch: number
  private readonly lengthCell: number
  private readonly collect: number
  private readonly classes: bigint[] = []
  private readonly spare: LuaThread[] = []
  private looksLeft = 0
  /** CPU time of the thread by which the run must be over; 0: not looked at yet. */
  private endUs = 0

  constructor(table: HostTable, limits: LuaLimits) {
    this.limits = limits
    this.instance = newInstance(limits.maxMemoryBytes)
    const { lua } = this.instance
    this.lua = lua
    this.heap = Buffer.from(lua.memory.buffer)
    this.words = new Int32Array(lua.memory.buffer)
    this.instance.onGrowth = () => this.remap()
    this.scratch = lua.malloc(SCRATCH_BYTES)
    this.lengthCell = lua.malloc(8)
    const state = lua.luaL_newstate()
    this.main = state
    lua.luaopen_base(state)
    for (const name of ['coroutine', 'table', 'string', 'math', 'debug'] as const) {
      lua[`luaopen_${name}`](state)
      lua.lua_setglobal(state, this.text(name))
    }
    lua.lua_settop(state, 0)
    lua.lua_getglobal(state, this.text('collectgarbage'))
    this.collect = lua.luaL_ref(state, LUA_REGISTRY)
    this.addHostFunctions(table)
  }

  private remap(): void {
    const { buffer } = this.lua.memory
    this.heap = Buffer.from(buffer)
    this.words = new Int32Array(buffer)
  }

  /** A C string in the scratch memory, until the next one. */
  private text(text: string): number {
    this.heap.latin1Write(`${text}\0`, this.scratch)
    return this.scratch
  }

  private addHostFunctions(table: HostTable): void {
    const { lua, main } = this
    const functions: HostFunction[] = []
    const indexOf = new Map<HostFunction, number>()
    const collectFunctions = (entries: Readonly<Record<string, HostFunction>>): void => {
      for (const fn of Object.values(entries)) {
        if (indexOf.has(fn)) continue
        indexOf.set(fn, functions.length)
        functions.push(fn)
      }
    }
    collectFunctions(table.functions)
    for (const methods of table.classes) collectFunctions(methods)
    const imports = Object.fromEntries(functions.map((fn, i) => [String(i), (state: number) => fn(this, state)]))
    let module = thunks.get(functions.length)
    if (module === undefined) thunks.set(functions.length, (module = thunkModule(functions.length)))
    const hook = (): void => this.look()
    const exports = new WebAssembly.Instance(module, { i: imports, h: { 0: hook } }).exports as Record<string, unknown>
    const wasmTable = lua.__indirect_function_table
    const first = wasmTable.grow(functions.length + 1)
    for (let i = 0; i < functions.length; i++) wasmTable.set(first + i, exports[`i${i}`])
    wasmTable.set(first + functions.length, exports['h0'])
    // Coroutines inherit it.
    lua.lua_sethook(main, first + functions.length, LUA_HOOK_COUNT_MASK, INSTRUCTIONS_PER_LOOK)

    const addFields = (entries: Readonly<Record<string, HostFunction>>): void => {
      for (const [name, fn] of Object.entries(entries)) {
        lua.lua_pushcclosure(main, first + indexOf.get(fn)!, 0)
        lua.lua_setfield(main, -2, this.text(name))
      }
    }
    this.loadPrelude(table, addFields)
  }

  /** Called by Lua every so many instructions. */
  private look(): void {
    if (--this.looksLeft < 0) throw new RunAway(`${this.limits.maxInstructions} instructions`)
    const nowUs = cpuUs()
    // The first look is early enough: most runs end before it, and never ask for the time.
    if (this.endUs === 0) this.endUs = nowUs + this.limits.maxCpuMs * 1000
    else if (nowUs > this.endUs) throw new RunAway(`${this.limits.maxCpuMs} ms`)
  }

  private allowRun(): void {
    this.looksLeft = this.limits.maxInstructions / INSTRUCTIONS_PER_LOOK
    this.endUs = 0
  }

  private loadPrelude(
    { functions, classes }: HostTable,
    addFields: (entries: Readonly<Record<string, HostFunction>>) => void,
  ): void {
    const { lua, main } = this
    if (!this.loadChunk(PRELUDE, '=prelude')) throw new Error(this.error)
    lua.lua_createtable(main, 0, 16)
    addFields(functions)
    // host.classes: the metatables, by kind from 1 on; methods stand in their __index.
    lua.lua_createtable(main, classes.length, 0)
    classes.forEach((methods, kind) => {
      lua.lua_createtable(main, 0, 4)
      lua.lua_createtable(main, 0, 16)
      addFields(methods)
      lua.lua_setfield(main, -2, this.text('__index'))
      lua.lua_pushvalue(main, -1)
      this.classes.push(BigInt(lua.luaL_ref(main, LUA_REGISTRY)))
      lua.lua_rawseti(main, -2, BigInt(kind + 1))
    })
    lua.lua_setfield(main, -2, this.text('classes'))
    this.allowRun()
    if (lua.lua_pcallk(main, 1, 0, 0, 0, 0) !== LUA_OK) throw new Error(this.toText(main, -1))
  }

  // ---- code

  /** Leaves the chunk on the main state's stack; false: `error` tells why it is none. */
  private loadChunk(source: string, name: string): boolean {
    const { lua, main } = this
    const text = Buffer.from(`${source}\0`, 'latin1')
    // 't': text only. Compiled chunks are not checked by Lua, and could do anything to its memory.
    const title = Buffer.from(`t\0${name}\0`, 'latin1')
    const pointer = lua.malloc(text.length + title.length)
    if (pointer === 0) {
      this.error = 'not enough memory'
      return false
    }
    this.heap.set(text, pointer)
    const mode = pointer + text.length
    this.heap.set(title, mode)
    const status = lua.luaL_loadbufferx(main, pointer, text.length - 1, mode + 2, mode)
    lua.free(pointer)
    if (status === LUA_OK) return true
    this.error = this.toText(main, -1)
    lua.lua_settop(main, 0)
    return false
  }

  /** Runs a whole script, as it is loaded; false: see `error`. */
  run(source: string, name: string): boolean {
    if (!this.loadChunk(source, name)) return false
    const { lua, main } = this
    const thread = this.newThread()
    // The chunk moves into a coroutine of its own, so that nothing it does can spoil the main state.
    const ref = lua.luaL_ref(main, LUA_REGISTRY)
    lua.lua_rawgeti(thread.state, LUA_REGISTRY, BigInt(ref))
    lua.luaL_unref(main, LUA_REGISTRY, ref)
    const status = this.resume(thread, 0)
    if (status === LUA_OK) {
      this.release(thread)
      return true
    }
    this.abandon(thread)
    if (status === LUA_YIELD) this.error = 'attempt to yield from outside a coroutine'
    return false
  }

  /** A reference to a global function; 0 where there is none of that name. */
  globalFunction(name: string): number {
    const { lua, main } = this
    const isFunction = lua.lua_getglobal(main, this.text(name)) === TYPE_FUNCTION
    const ref = isFunction ? lua.luaL_ref(main, LUA_REGISTRY) : 0
    lua.lua_settop(main, 0)
    return ref
  }

  // ---- coroutines

  newThread(): LuaThread {
    const spare = this.spare.pop()
    if (spare !== undefined) return spare
    const state = this.lua.lua_newthread(this.main)
    return { state, ref: this.lua.luaL_ref(this.main, LUA_REGISTRY) }
  }

  /** Of a coroutine that has come to its end; it will serve again. */
  release(thread: LuaThread): void {
    this.lua.lua_settop(thread.state, 0)
    if (this.spare.length < MAX_SPARE_THREADS) this.spare.push(thread)
    else this.abandon(thread)
  }

  /** Of a coroutine that failed or will never go on: left to Lua's collector. */
  abandon(thread: LuaThread): void {
    this.lua.luaL_unref(this.main, LUA_REGISTRY, thread.ref)
  }

  /** LUA_OK at its end, LUA_YIELD where it waits; anything else: it failed, and `error` tells how. */
  resume(thread: LuaThread, args: number): number {
    const { lua } = this
    const stack = lua.stackSave()
    const { looksLeft, endUs } = this
    this.allowRun()
    try {
      const status = lua.lua_resume(thread.state, this.main, args, this.lengthCell)
      if (status === LUA_YIELD) lua.lua_settop(thread.state, -1 - this.words[this.lengthCell >> 2]!)
      else if (status !== LUA_OK) this.onError(thread)
      return status
    } catch (error) {
      // It went through Lua's own frames: this coroutine is lost, everything else is as it was.
      lua.stackRestore(stack)
      this.error =
        error instanceof RunAway
          ? `script stopped after ${error.message}`
          : `script stopped: ${error instanceof Error ? error.message : String(error)}`
      this.checkMemory()
      return -1
    } finally {
      this.looksLeft = looksLeft
      this.endUs = endUs
    }
  }

  private onError(thread: LuaThread): void {
    this.error = this.toText(thread.state, -1)
    if (this.error.includes('not enough memory')) this.checkMemory()
  }

  /** Collects what is not used any more, and sees whether enough is free again. */
  private checkMemory(): void {
    const { lua, main } = this
    this.allowRun()
    const call = (what: string): boolean => {
      lua.lua_rawgeti(main, LUA_REGISTRY, BigInt(this.collect))
      this.pushText(main, what)
      return lua.lua_pcallk(main, 1, 1, 0, 0, 0) === LUA_OK
    }
    try {
      const counted = call('collect') && call('count')
      const kilobytes = counted ? lua.lua_tonumberx(main, -1, 0) : Number.POSITIVE_INFINITY
      this.worn = kilobytes * 1024 > this.limits.maxMemoryBytes * FULL
      lua.lua_settop(main, 0)
    } catch {
      this.worn = true
    }
  }

  // ---- values out

  /** The string or number at `index` as latin1; null: it is neither. */
  toTextOrNull(state: number, index: number): string | null {
    const pointer = this.lua.lua_tolstring(state, index, this.lengthCell)
    if (pointer === 0) return null
    return this.heap.latin1Slice(pointer, pointer + this.words[this.lengthCell >> 2]!)
  }

  /** Whatever is at `index`, as tostring() has it. */
  toText(state: number, index: number): string {
    const pointer = this.lua.luaL_tolstring(state, index, this.lengthCell)
    const text = this.heap.latin1Slice(pointer, pointer + this.words[this.lengthCell >> 2]!)
    this.lua.lua_settop(state, -2)
    return text
  }

  /** The bytes of the string at `index`, copied; null: it is no string. */
  toBytes(state: number, index: number): Buffer | null {
    const pointer = this.lua.lua_tolstring(state, index, this.lengthCell)
    if (pointer === 0) return null
    return Buffer.copyBytesFrom(this.heap, pointer, this.words[this.lengthCell >> 2]!) as Buffer
  }

  typeName(state: number, index: number): string {
    const { lua } = this
    const type = lua.lua_type(state, index)
    if (type < TYPE_NIL) return 'no value'
    const pointer = lua.lua_typename(state, type)
    return this.heap.latin1Slice(pointer, this.heap.indexOf(0, pointer))
  }

  /** Where the object at `index` is, for the three below, until something is called in Lua; 0: it is none. */
  object(state: number, index: number): number {
    return this.lua.lua_touserdata(state, index) >> 2
  }

  kindOf(object: number): number {
    return this.words[object]!
  }

  /** The number that the object was made with. */
  tagOf(object: number): number {
    return this.words[object + 1]!
  }

  /** Its second number. */
  detailOf(object: number): number {
    return this.words[object + 2]!
  }

  // ---- values in

  pushText(state: number, text: string): void {
    const { length } = text
    if (length <= SCRATCH_BYTES) {
      const { heap, scratch } = this
      // Below this size a loop beats the call into native code. (bench: lua)
      if (length <= SHORT) for (let i = 0; i < length; i++) heap[scratch + i] = text.charCodeAt(i)
      else heap.latin1Write(text, scratch)
      this.lua.lua_pushlstring(state, this.scratch, length)
      return
    }
    this.pushBytes(state, Buffer.from(text, 'latin1'), 0, length)
  }

  /** Bytes [start, end) of `data` as a string. */
  pushBytes(state: number, data: Uint8Array, start: number, end: number): void {
    const { lua } = this
    const length = end - start
    const inScratch = length <= SCRATCH_BYTES
    const pointer = inScratch ? this.scratch : lua.malloc(length)
    if (pointer === 0) this.raise(state, 'not enough memory')
    this.heap.set(data.subarray(start, end), pointer)
    try {
      lua.lua_pushlstring(state, pointer, length)
    } finally {
      if (!inScratch) lua.free(pointer)
    }
  }

  /** An object of class `kind`, with two numbers of its maker's. */
  pushObject(state: number, kind: number, tag: number, detail: number): void {
    const { lua } = this
    const at = lua.lua_newuserdatauv(state, OBJECT_BYTES, 0) >> 2
    const { words } = this
    words[at] = kind
    words[at + 1] = tag
    words[at + 2] = detail
    lua.lua_rawgeti(state, LUA_REGISTRY, this.classes[kind]!)
    lua.lua_setmetatable(state, -2)
  }

  pushFunction(state: number, ref: bigint): void {
    this.lua.lua_rawgeti(state, LUA_REGISTRY, ref)
  }

  /** Raises a Lua error with the place in the script in front, as luaL_error does. Does not return. */
  raise(state: number, message: string): never {
    const { lua } = this
    this.pushText(state, this.placeOf(state) + message)
    lua.lua_error(state)
    throw new Error('lua_error returned')
  }

  /** The line of the script that runs; its calls may have come by way of the prelude. */
  private placeOf(state: number): string {
    for (let level = 1; level <= 4; level++) {
      this.lua.luaL_where(state, level)
      const place = this.toText(state, -1)
      this.lua.lua_settop(state, -2)
      if (place !== '' && !place.startsWith('prelude:')) return place
    }
    return ''
  }
}
