import fs from 'node:fs'
import net from 'node:net'
import type { Address } from './address.ts'
import { ipAddress } from './address.ts'
import type { AcceptedHandle } from './transport-socket/stream-handle.ts'

export interface ListenOptions {
  readonly address: Address
  /** Every worker binds the address itself and the kernel spreads connections (SO_REUSEPORT). */
  readonly reusePort: boolean
  readonly backlog: number
  /** A descriptor that already listens: inherited from a predecessor or from systemd. The address is then only a label. */
  readonly fd?: number
  readonly ipv6Only?: boolean
}

/** Node's private accept hook: the handle as libuv made it, before a net.Socket is wrapped around it. */
interface AcceptingHandle {
  onconnection: (status: number, handle: AcceptedHandle | undefined) => void
  fd: number
}

/** A listening socket. Where it comes from (bound here, or inherited) is decided here and nowhere else. */
export class ListenSocket {
  private readonly server: net.Server
  private path: string | null = null
  localAddress: Address

  private constructor(server: net.Server, address: Address) {
    this.server = server
    this.localAddress = address
  }

  /**
   * Listens and calls `onAccept` for every connection. `onAcceptError` gets libuv's negative status when accepting
   * failed, for example when descriptors have run out; the socket goes on listening.
   */
  static listen(
    options: ListenOptions,
    onAccept: (handle: AcceptedHandle) => void,
    onAcceptError: (status: number) => void,
  ): Promise<ListenSocket> {
    const server = net.createServer()
    const socket = new ListenSocket(server, options.address)
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(toNodeOptions(options), () => {
        server.off('error', reject)
        server.on('error', () => onAcceptError(-1))
        const handle = (server as unknown as { _handle: AcceptingHandle })._handle
        handle.onconnection = (status, accepted) => {
          if (status !== 0 || accepted === undefined) onAcceptError(status)
          else onAccept(accepted)
        }
        socket.noteAddress(options)
        resolve(socket)
      })
    })
  }

  private noteAddress({ address }: ListenOptions): void {
    if (address.kind === 'pipe') {
      this.path = address.path
      if (address.mode !== 0) fs.chmodSync(address.path, address.mode)
      return
    }
    const bound = this.server.address()
    if (bound !== null && typeof bound === 'object') this.localAddress = ipAddress(address.host, bound.port)
  }

  /** The descriptor, for handing it to a successor; -1 once closed. */
  get fd(): number {
    return (this.server as unknown as { _handle: AcceptingHandle | null })._handle?.fd ?? -1
  }

  /** Stops accepting. Accepted connections live on. */
  close(): void {
    this.server.close()
  }

  /** Path of the Unix socket, null for TCP. */
  get pipePath(): string | null {
    return this.path
  }
}

function toNodeOptions({ address, reusePort, backlog, fd, ipv6Only }: ListenOptions): net.ListenOptions {
  if (fd !== undefined) return { fd, backlog } as net.ListenOptions
  if (address.kind === 'pipe') return { path: address.path, backlog }
  return { host: address.host, port: address.port, backlog, reusePort, ipv6Only: ipv6Only ?? false }
}
