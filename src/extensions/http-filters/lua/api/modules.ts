// What `require` finds on disk, by LuaJIT's rules.
import { readFileSync } from 'node:fs'
import type { HostFunction } from '../vm/host-table.ts'
import { prepareSource } from '../vm/prepare-source.ts'
import { textArgument } from './objects.ts'

/** LuaJIT's, as Envoy has it: beside the working directory of the proxy, and where Lua libraries are installed. */
const DEFAULT_PATH =
  './?.lua;/usr/local/share/luajit-2.1/?.lua;/usr/local/share/lua/5.1/?.lua;/usr/local/share/lua/5.1/?/init.lua'

/** Null: no such file, or it cannot be read. */
function sourceOf(file: string): string | null {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    return null // The script is told that there is no such module.
  }
}

export const MODULE_FUNCTIONS: Readonly<Record<string, HostFunction>> = {
  modulePath: (machine, state) => {
    machine.pushText(state, DEFAULT_PATH)
    return 1
  },
  /** Of a module's name and a search path: the source and the file's name, or nothing. */
  readModule: (machine, state) => {
    const name = textArgument(machine, state, 1).replaceAll('.', '/')
    for (const template of textArgument(machine, state, 2).split(';')) {
      const file = template.replaceAll('?', () => name)
      const source = file === '' ? null : sourceOf(file)
      if (source === null) continue
      machine.pushText(state, prepareSource(source))
      machine.pushText(state, file)
      return 2
    }
    return 0
  },
}
