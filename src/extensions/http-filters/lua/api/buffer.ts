// HOT FILE (docs/hot-path.md): the body, or one piece of it, as scripts see it.
import type { HostFunction } from '../vm/host-table.ts'
import { BUFFER, badArgument, detailOf, numberArgument, runOf } from './objects.ts'

const length: HostFunction = (machine, state) => {
  const run = runOf(machine, state, BUFFER)
  machine.lua.lua_pushnumber(state, run.bytesOf(detailOf(machine, state)).length)
  return 1
}

const getBytes: HostFunction = (machine, state) => {
  const bytes = runOf(machine, state, BUFFER).bytesOf(detailOf(machine, state))
  const start = Math.trunc(numberArgument(machine, state, 2))
  const count = Math.trunc(numberArgument(machine, state, 3))
  if (!(start >= 0 && count >= 0 && start + count <= bytes.length)) {
    machine.raise(state, 'index/length must be >= 0 and (index + length) must be <= buffer size')
  }
  machine.pushBytes(state, bytes, start, start + count)
  return 1
}

const setBytes: HostFunction = (machine, state) => {
  const run = runOf(machine, state, BUFFER)
  const bytes = machine.toBytes(state, 2) ?? badArgument(machine, state, 2, 'string')
  run.setBytes(detailOf(machine, state), bytes)
  machine.lua.lua_pushnumber(state, bytes.length)
  return 1
}

export const BUFFER_METHODS: Readonly<Record<string, HostFunction>> = { length, getBytes, setBytes }
