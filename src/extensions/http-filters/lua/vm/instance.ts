// Lua 5.4 as WebAssembly, from the package wasmoon. Its JavaScript is not used: it is asynchronous, costs 70 ms and 10 MB,
// and 100 times as much per call (docs/adr/0005-lua-vm.md). What the wasm file imports is little, and it is here.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { LuaExports } from './lua-exports.ts'

const PAGE_BYTES = 65_536
/** EBADF of WASI: there are no files. */
const NO_FILE = 8
/** What a longjmp throws; anything else that passes through ends in whoever called into Lua. */
const LONGJMP = Number.POSITIVE_INFINITY

/** Lua appends ".0" to floats of whole value, unless this string is empty: then numbers print as in LuaJIT. */
const DIGITS = '-0123456789\0'

let compiled: WebAssembly.Module | undefined

/** Once per thread, and only where a configuration has scripts. */
function luaModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(createRequire(import.meta.url).resolve('wasmoon/dist/glue.wasm')))
  return compiled
}

export interface LuaInstance {
  readonly lua: LuaExports
  /** Called after its memory has grown: views of it are stale then. */
  onGrowth: () => void
}

const refused = (name: string) => (): never => {
  throw new Error(`the Lua library called ${name}, which does not exist here`)
}

export function newInstance(maxMemoryBytes: number): LuaInstance {
  let lua: LuaExports
  /** Of the table, as far as they were asked for: it is slow to read, and C's functions stay where they are. */
  const functions: ((...args: number[]) => number)[] = []
  const instance: LuaInstance = { lua: {} as LuaExports, onGrowth: () => undefined }
  const env = {
    ...unusedImports(),
    invoke_vii: (fn: number, a: number, b: number): void => {
      const stack = lua.stackSave()
      try {
        ;(functions[fn] ??= lua.__indirect_function_table.get(fn))(a, b)
      } catch (error) {
        lua.stackRestore(stack)
        if (error !== LONGJMP) throw error
        lua.setThrew(1, 0)
      }
    },
    _emscripten_throw_longjmp: (): never => {
      throw LONGJMP
    },
    /** False lets the allocation fail: Lua collects its garbage and, if that is not enough, raises an error. */
    emscripten_resize_heap: (bytes: number): number => {
      bytes >>>= 0
      if (bytes > maxMemoryBytes) return 0
      try {
        lua.memory.grow(Math.ceil((bytes - lua.memory.buffer.byteLength) / PAGE_BYTES))
      } catch {
        // The machine has no more.
        return 0
      }
      instance.onGrowth()
      return 1
    },
    emscripten_date_now: () => Date.now(),
    _emscripten_get_now_is_monotonic: () => 1,
  }
  const wasi = {
    fd_write: () => NO_FILE,
    fd_read: () => NO_FILE,
    fd_close: () => NO_FILE,
    fd_seek: () => NO_FILE,
    environ_sizes_get: (count: number, bytes: number): number => {
      const view = new DataView(lua.memory.buffer)
      view.setUint32(count, 0, true)
      view.setUint32(bytes, 0, true)
      return 0
    },
    environ_get: () => 0,
  }
  lua = new WebAssembly.Instance(luaModule(), { env, wasi_snapshot_preview1: wasi }).exports as LuaExports
  lua.__wasm_call_ctors()
  lua.emscripten_stack_init()
  const bytes = Buffer.from(lua.memory.buffer)
  const at = bytes.indexOf(DIGITS, 0, 'latin1')
  if (at < 0) throw new Error('this build of Lua prints numbers in another way')
  bytes[at] = 0
  return Object.assign(instance, { lua })
}

/** Behind functions that scripts do not get: files, processes, the C library's calendar. */
function unusedImports(): Record<string, () => never> {
  const names = [
    ...['abort', 'exit', 'system', 'strftime', '_mktime_js', '_localtime_js', '_gmtime_js', '_tzset_js'],
    ...['openat', 'fcntl64', 'ioctl', 'dup3', 'unlinkat', 'rmdir', 'renameat', 'readlinkat'].map(
      name => `__syscall_${name}`,
    ),
  ]
  return Object.fromEntries(names.map(name => [name, refused(name)]))
}
