// HOT FILE (docs/hot-path.md): header maps as scripts see them.
import { type HeaderMap, HOST, overwriteHeader, TRANSFER_ENCODING } from '../../../../http/index.ts'
import type { HeaderLines } from '../header-lines.ts'
import type { HostFunction } from '../vm/host-table.ts'
import type { LuaMachine } from '../vm/machine.ts'
import { headerName } from './header-names.ts'
import { isHeaderValue, isStartLinePart, isToken } from './header-text.ts'
import { detailOf, HEADERS, numberArgument, runOf, textArgument } from './objects.ts'

const COLON = 58

const linesOf = (machine: LuaMachine, state: number): HeaderLines =>
  runOf(machine, state, HEADERS).linesAt(detailOf(machine, state))

/** The lines, which are about to be changed. */
function changing(machine: LuaMachine, state: number): HeaderLines {
  const run = runOf(machine, state, HEADERS)
  const lines = run.linesAt(detailOf(machine, state))
  if (lines.iterating) machine.raise(state, 'header map cannot be modified while iterating')
  if (!run.mayChange(lines)) machine.raise(state, 'header map can no longer be modified')
  return lines
}

const isPseudo = (name: string): boolean => name.charCodeAt(0) === COLON

function joinedValue(map: HeaderMap, name: string): string | undefined {
  if (isPseudo(name)) return map.lookup(name)
  const header = headerName(name)
  const index = header === null ? -1 : map.find(header, 0)
  if (header === null || index < 0) return undefined
  return map.find(header, index + 1) < 0 ? map.valueAt(index) : map.getAll(header).join(',')
}

const get: HostFunction = (machine, state) => {
  const { map } = linesOf(machine, state)
  const value = joinedValue(map, textArgument(machine, state, 2))
  if (value === undefined) return 0
  machine.pushText(state, value)
  return 1
}

const allOf = (map: HeaderMap, name: string): readonly string[] => {
  if (isPseudo(name)) {
    const value = map.lookup(name)
    return value === undefined ? [] : [value]
  }
  const header = headerName(name)
  return header === null ? [] : map.getAll(header)
}

const getAtIndex: HostFunction = (machine, state) => {
  const { map } = linesOf(machine, state)
  const values = allOf(map, textArgument(machine, state, 2))
  const value = values[Math.trunc(numberArgument(machine, state, 3))]
  if (value === undefined || value === '') return 0
  machine.pushText(state, value)
  return 1
}

const getNumValues: HostFunction = (machine, state) => {
  const { map } = linesOf(machine, state)
  machine.lua.lua_pushnumber(state, allOf(map, textArgument(machine, state, 2)).length)
  return 1
}

function checkedValue(machine: LuaMachine, state: number): string {
  const value = textArgument(machine, state, 3)
  if (!isHeaderValue(value)) machine.raise(state, 'header values must not hold CR, LF or NUL')
  return value
}

/** What the message begins with. False: there is no such field in this kind of message, or the value is none for it. */
export function setPseudo(map: HeaderMap, name: string, value: string): boolean {
  const isRequest = map.method !== '' || map.status === 0
  if (name === ':status') {
    if (isRequest || !/^[1-9][0-9]{2}$/.test(value)) return false
    map.status = Number(value)
    return true
  }
  if (!isRequest || !isStartLinePart(value)) return false
  if (name === ':path') map.path = value
  else if (name === ':authority') map.set(HOST, value)
  else if (name === ':scheme') map.scheme = value
  else if (name === ':method' && isToken(value)) map.method = value
  else return false
  return true
}

function set(machine: LuaMachine, state: number, append: boolean): number {
  const { map } = changing(machine, state)
  const name = textArgument(machine, state, 2)
  const value = checkedValue(machine, state)
  if (isPseudo(name)) {
    if (!setPseudo(map, name.toLowerCase(), value)) machine.raise(state, `cannot set '${name}' to '${value}'`)
    return 0
  }
  const header = headerName(name) ?? machine.raise(state, `'${name}' is no header name`)
  if (header === TRANSFER_ENCODING) machine.raise(state, 'how a message is framed is not for scripts to say')
  if (append) map.append(header, value)
  else overwriteHeader(map, header, value)
  return 0
}

const add: HostFunction = (machine, state) => set(machine, state, true)
const replace: HostFunction = (machine, state) => set(machine, state, false)

const remove: HostFunction = (machine, state) => {
  const { map } = changing(machine, state)
  const name = textArgument(machine, state, 2)
  // A message without them is none.
  if (isPseudo(name)) machine.raise(state, `'${name}' cannot be removed`)
  const header = headerName(name)
  if (header !== null) map.remove(header)
  return 0
}

const setHttp1ReasonPhrase: HostFunction = (machine, state) => {
  const run = runOf(machine, state, HEADERS)
  const phrase = textArgument(machine, state, 2)
  if (!isHeaderValue(phrase)) machine.raise(state, 'reason phrases must not hold CR, LF or NUL')
  run.setReasonPhrase(phrase)
  return 0
}

const PSEUDO = [':authority', ':path', ':method', ':scheme', ':status']

/** What pairs() goes over: a copy, so that nothing moves under the loop. */
function snapshot({ map }: HeaderLines): string[] {
  const flat: string[] = []
  for (const name of PSEUDO) {
    const value = map.lookup(name)
    if (value !== undefined) flat.push(name, value)
  }
  const isRequest = map.method !== ''
  map.forEach((name, value) => {
    if (!isRequest || name !== 'host') flat.push(name, value)
  })
  return flat
}

const begin: HostFunction = (machine, state) => {
  const lines = linesOf(machine, state)
  if (lines.iterating) machine.raise(state, 'cannot create a second iterator before completing the first')
  lines.iterating = true
  lines.iterated = snapshot(lines)
  lines.position = 0
  return 0
}

const next: HostFunction = (machine, state) => {
  const lines = linesOf(machine, state)
  const { iterated, position } = lines
  if (position >= iterated.length) {
    lines.iterating = false
    return 0
  }
  lines.position += 2
  machine.pushText(state, iterated[position]!)
  machine.pushText(state, iterated[position + 1]!)
  return 2
}

export const HEADER_METHODS: Readonly<Record<string, HostFunction>> = {
  get,
  getAtIndex,
  getNumValues,
  add,
  replace,
  remove,
  setHttp1ReasonPhrase,
  __pairs: begin,
  __next: next,
}
