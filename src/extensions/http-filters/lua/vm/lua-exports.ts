// The C API of the Lua in wasmoon's glue.wasm, as far as it is used here. `state` is a lua_State, names are Lua's own.
export interface LuaExports {
  readonly memory: WebAssembly.Memory
  readonly __indirect_function_table: WebAssembly.Table
  __wasm_call_ctors(): void
  emscripten_stack_init(): void
  setThrew(threw: number, value: number): void
  stackSave(): number
  stackRestore(pointer: number): void
  malloc(bytes: number): number
  free(pointer: number): void

  luaL_newstate(): number
  luaopen_base(state: number): number
  luaopen_coroutine(state: number): number
  luaopen_table(state: number): number
  luaopen_string(state: number): number
  luaopen_math(state: number): number
  luaopen_debug(state: number): number

  luaL_loadbufferx(state: number, text: number, bytes: number, name: number, mode: number): number
  luaL_ref(state: number, table: number): number
  luaL_unref(state: number, table: number, ref: number): void
  luaL_where(state: number, level: number): void
  luaL_tolstring(state: number, index: number, length: number): number

  lua_newthread(state: number): number
  lua_resume(state: number, from: number, args: number, results: number): number
  lua_pcallk(state: number, args: number, results: number, handler: number, context: number, k: number): number
  lua_sethook(state: number, hook: number, mask: number, count: number): void
  lua_error(state: number): number
  lua_checkstack(state: number, slots: number): number

  lua_gettop(state: number): number
  lua_settop(state: number, index: number): void
  lua_pushvalue(state: number, index: number): void
  lua_type(state: number, index: number): number
  lua_typename(state: number, type: number): number
  lua_tolstring(state: number, index: number, length: number): number
  lua_tonumberx(state: number, index: number, isNumber: number): number
  lua_isinteger(state: number, index: number): number
  lua_toboolean(state: number, index: number): number
  lua_touserdata(state: number, index: number): number

  lua_pushnil(state: number): void
  lua_pushboolean(state: number, value: number): void
  lua_pushnumber(state: number, value: number): void
  lua_pushlstring(state: number, text: number, bytes: number): number
  lua_pushcclosure(state: number, fn: number, upvalues: number): void
  lua_newuserdatauv(state: number, bytes: number, values: number): number
  lua_createtable(state: number, list: number, fields: number): void
  lua_concat(state: number, count: number): void
  lua_getglobal(state: number, name: number): number
  lua_setglobal(state: number, name: number): void
  lua_setfield(state: number, index: number, name: number): void
  lua_rawget(state: number, index: number): number
  lua_rawset(state: number, index: number): void
  lua_rawgeti(state: number, index: number, key: bigint): number
  lua_rawseti(state: number, index: number, key: bigint): void
  lua_setmetatable(state: number, index: number): number
  lua_next(state: number, index: number): number
}

export const LUA_OK = 0
export const LUA_YIELD = 1
export const LUA_REGISTRY = -1001000
export const LUA_HOOK_COUNT_MASK = 8

export const TYPE_NIL = 0
export const TYPE_BOOLEAN = 1
export const TYPE_NUMBER = 3
export const TYPE_STRING = 4
export const TYPE_TABLE = 5
export const TYPE_FUNCTION = 6
