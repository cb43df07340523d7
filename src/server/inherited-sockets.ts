import { readFileSync, readlinkSync } from 'node:fs'
import type { InheritedDescriptor } from '../downstream/index.ts'
import { type Address, ipAddress } from '../net/index.ts'
import type { InheritedSocket } from './messages.ts'

/** systemd passes descriptors from this one on (sd_listen_fds(3)). */
const FIRST_DESCRIPTOR = 3

/**
 * Listening sockets handed over by whoever started this process, as systemd does: LISTEN_PID names this process (or is
 * absent), LISTEN_FDS counts descriptors from 3 on. Which address each is bound to, the kernel says; descriptors that are
 * no listening sockets are left alone.
 */
export function inheritedSockets(
  environment: NodeJS.ProcessEnv,
  pid: number,
  addressOf: (fd: number) => string | undefined = boundAddress,
): readonly InheritedSocket[] {
  const { LISTEN_FDS, LISTEN_PID } = environment
  if (LISTEN_FDS === undefined || (LISTEN_PID !== undefined && Number(LISTEN_PID) !== pid)) return []
  const count = Number(LISTEN_FDS)
  if (!Number.isInteger(count) || count < 1) return []
  return Array.from({ length: count }, (_, i) => FIRST_DESCRIPTOR + i).flatMap(fd => {
    const address = addressOf(fd)
    return address === undefined ? [] : [{ fd, address }]
  })
}

/**
 * The descriptor on which a worker accepts for an address. The k-th descriptor of an address belongs to worker k: a
 * descriptor that two workers closed would be closed for both, and its number soon be another's.
 */
export function inheritedDescriptor(sockets: readonly InheritedSocket[], workerIndex: number): InheritedDescriptor {
  return (address: Address) => {
    const own = sockets.filter(socket => socket.address === address.toString())
    return own.length === 0 ? undefined : (own[workerIndex]?.fd ?? 'elsewhere')
  }
}

/** What a listening descriptor is bound to, by the kernel's tables; undefined when it is none. */
function boundAddress(fd: number): string | undefined {
  const inode = socketInode(fd)
  if (inode === undefined) return undefined
  const inTable = (table: string, column: number) =>
    readTable(table).find(fields => fields[column] === inode && (table === 'unix' || fields[3] === '0A'))
  const v4 = inTable('tcp', 9)
  if (v4 !== undefined) return ipText(v4[1]!)
  const v6 = inTable('tcp6', 9)
  if (v6 !== undefined) return ipText(v6[1]!)
  return inTable('unix', 6)?.[7]
}

function socketInode(fd: number): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
  } catch {
    return undefined // No such descriptor, or no /proc: then there is nothing to inherit.
  }
}

function readTable(name: string): readonly (readonly string[])[] {
  const lines = readFileSync(`/proc/self/net/${name}`, 'utf8').split('\n').slice(1)
  return lines.map(line => line.trim().split(/\s+/))
}

/** '0100007F:1F90' -> '127.0.0.1:8080': words of 32 bits in host order, here little-endian. */
export function ipText(hex: string): string {
  const [words = '', port = ''] = hex.split(':')
  const bytes = (words.match(/.{8}/g) ?? []).flatMap(word => [...Buffer.from(word, 'hex').reverse()])
  const host = bytes.length === 4 ? bytes.join('.') : ipv6Text(bytes)
  return ipAddress(host, Number.parseInt(port, 16)).toString()
}

function ipv6Text(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16))
  // The URL parser writes IPv6 addresses in their canonical short form.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}
