// importPublicKey, verifySignature and base64.
import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import type { HostFunction } from '../vm/host-table.ts'
import {
  badArgument,
  detailOf,
  HANDLE,
  numberArgument,
  PUBLIC_KEY,
  pushNil,
  pushObject,
  runOf,
  textArgument,
} from './objects.ts'

export interface ImportedKey {
  /** As latin1; scripts name the key by it. */
  readonly der: string
  /** Null: it is no public key. */
  readonly key: KeyObject | null
}

const HASHES = new Set(['sha1', 'sha224', 'sha256', 'sha384', 'sha512'])
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

function keyOf(der: Buffer): KeyObject | null {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch {
    return null
  }
}

/** The first `length` bytes of the text at `index`. */
const prefix: (...args: [...Parameters<HostFunction>, number, number]) => Buffer = (machine, state, index, length) => {
  const bytes = machine.toBytes(state, index) ?? badArgument(machine, state, index, 'string')
  const size = numberArgument(machine, state, length)
  if (!(size >= 0 && size <= bytes.length)) machine.raise(state, `bad argument #${length} (longer than the text)`)
  return bytes.subarray(0, size)
}

export const importPublicKey: HostFunction = (machine, state) => {
  const run = runOf(machine, state, HANDLE)
  const der = prefix(machine, state, 2, 3)
  const key = keyOf(der)
  run.keys ??= []
  const { keys } = run
  keys.push({ der: der.toString('latin1'), key })
  return pushObject(machine, state, PUBLIC_KEY, keys.length - 1)
}

export const PUBLIC_KEY_METHODS: Readonly<Record<string, HostFunction>> = {
  /** The name by which verifySignature knows the key; nil: it was none. */
  get: (machine, state) => {
    const entry = runOf(machine, state, PUBLIC_KEY).keys?.[detailOf(machine, state)]
    if (entry === undefined || entry.key === null) return pushNil(machine, state)
    machine.pushText(state, entry.der)
    return 1
  },
}

export const verifySignature: HostFunction = (machine, state) => {
  const run = runOf(machine, state, HANDLE)
  const hash = textArgument(machine, state, 2).toLowerCase()
  const name = textArgument(machine, state, 3)
  const key = run.keys?.find(({ der }) => der === name)?.key ?? null
  if (key === null) return machine.raise(state, 'invalid public key')
  const signature = prefix(machine, state, 4, 5)
  const data = prefix(machine, state, 6, 7)
  const problem = HASHES.has(hash) ? (verify(hash, data, key, signature) ? null : failed) : `${hash} is not supported.`
  machine.lua.lua_pushboolean(state, problem === null ? 1 : 0)
  if (problem === null) machine.lua.lua_pushnil(state)
  else machine.pushText(state, problem)
  return 2
}

const failed = 'Failed to verify digest. Error code: 0'

export const base64Escape: HostFunction = (machine, state) => {
  runOf(machine, state, HANDLE)
  const bytes = machine.toBytes(state, 2) ?? badArgument(machine, state, 2, 'string')
  machine.pushText(state, bytes.toString('base64'))
  return 1
}

/** Nil for what is no base64: it often comes from outside. */
export const base64Decode: HostFunction = (machine, state) => {
  runOf(machine, state, HANDLE)
  const encoded = textArgument(machine, state, 2)
  if (!BASE64.test(encoded) || encoded.replace(/=+$/, '').length % 4 === 1) return pushNil(machine, state)
  const bytes = Buffer.from(encoded, 'base64')
  machine.pushBytes(state, bytes, 0, bytes.length)
  return 1
}
