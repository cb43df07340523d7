// Opening connections to peers.
import net from 'node:net'
import type { Address } from './address.ts'
import { AddressRace } from './address-race.ts'
import type { Connection } from './connection.ts'
import { probeOften, type TcpKeepalive } from './tcp-keepalive.ts'
import type { ThreadContext } from './thread.ts'

export interface ConnectOptions {
  /** Source address to bind to. */
  readonly localAddress?: string
  readonly keepalive?: TcpKeepalive
  /** All addresses of the peer, in the order in which they are tried; undefined: there is one. */
  readonly addresses?: readonly Address[]
}

function begin(address: Address, options: ConnectOptions): net.Socket {
  const socket = new net.Socket({ allowHalfOpen: true })
  if (options.keepalive !== undefined) probeOften(socket, options.keepalive)
  if (address.kind === 'pipe') socket.connect({ path: address.path })
  else {
    const target: net.TcpSocketConnectOpts = { host: address.host, port: address.port, autoSelectFamily: false }
    if (options.localAddress !== undefined) target.localAddress = options.localAddress
    socket.connect(target)
  }
  return socket
}

/** Opens a connection; the reader hears onConnected or onClose. */
export function connect(thread: ThreadContext, address: Address, options: ConnectOptions = {}): Connection {
  return AddressRace.start(thread, options.addresses ?? [address], one => begin(one, options))
}
