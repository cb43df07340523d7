import type { AcceptedHandle, Address } from '../net/index.ts'
import { formatHostPort } from '../net/index.ts'

interface SocketName {
  address?: string
  port?: number
}
interface NamedHandle {
  getpeername?(into: SocketName): number
  getsockname?(into: SocketName): number
}

/** 'ip:port' of the peer of an accepted handle; a pipe has only the path it was accepted on. */
export function remoteAddressOf(handle: AcceptedHandle, listening: Address): string {
  if (listening.kind === 'pipe') return listening.path
  const name: SocketName = {}
  ;(handle as NamedHandle).getpeername?.(name)
  return nameText(name)
}

/** The address that the peer connected to. */
export function localAddressOf(handle: AcceptedHandle, listening: Address): string {
  if (listening.kind === 'pipe') return listening.path
  const name: SocketName = {}
  ;(handle as NamedHandle).getsockname?.(name)
  return name.address === undefined ? listening.toString() : nameText(name)
}

/** A peer that has left already has no name: it counts as the unspecified address, as it cannot be answered anyway. */
function nameText({ address = '0.0.0.0', port = 0 }: SocketName): string {
  return formatHostPort(address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address, port)
}
