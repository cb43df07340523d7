// What a connection begins with where RESP3 is spoken: nothing else is sent before it is answered as it should be.
import { INTEGER, parseValue, type RespValue, respCommand } from '../../../../net/resp/index.ts'
import type { RedisCredentials } from '../../../../upstream/index.ts'

export interface Greeting {
  readonly bytes: Buffer
  /** For stats of commands. */
  readonly name: string
  /** HELLO: its answer must say that RESP3 is spoken from now on. */
  readonly negotiates: boolean
}

export const READONLY = Buffer.from(respCommand(['readonly']))

/** A password without a name is that of the default user. */
export function greetings({ username, password }: RedisCredentials, readsReplicas: boolean): Greeting[] {
  const login = username === '' && password === '' ? [] : ['AUTH', username === '' ? 'default' : username, password]
  const hello = { bytes: Buffer.from(respCommand(['HELLO', '3', ...login]), 'latin1'), name: 'hello', negotiates: true }
  return readsReplicas ? [hello, { bytes: READONLY, name: 'unknown', negotiates: false }] : [hello]
}

/** Whether a reply, the bytes at `start`, lets commands go. READONLY is a wish: not every host is of a cluster. */
export function isWelcome({ negotiates }: Greeting, bytes: Buffer, start: number): boolean {
  return !negotiates || saysVersion3(parseValue(bytes, start))
}

function saysVersion3({ items }: RespValue): boolean {
  const fields = items ?? []
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const value = fields[i + 1]!
    if (fields[i]!.text === 'proto' && value.type === INTEGER && value.text === '3') return true
  }
  return false
}
