// HOT FILE (docs/hot-path.md): datagram sockets on libuv's own handle. node:dgram looks each address up, copies lists and
// emits events, which costs more than the datagram does.
import { getSystemErrorName } from 'node:util'
import { type Address, ipAddress } from './address.ts'
import { isBeyondConnected } from './descriptor-limit.ts'

/** Hears of a socket's datagrams. */
export interface UdpReceiver {
  /** `data` belongs to the receiver. */
  onDatagram(data: Buffer, fromHost: string, fromPort: number): void
  /** The kernel reports an error, such as that nobody listens where a datagram went. */
  onReceiveError(): void
}

interface SendRequest {
  /** What must live as long as the send. */
  data: Buffer | null
  oncomplete?: (this: SendRequest) => void
}

interface UdpHandle {
  readonly fd: number
  onmessage: (bytes: number, handle: UdpHandle, data: Buffer, from: { address: string; port: number }) => void
  bind(host: string, port: number, flags: number): number
  bind6(host: string, port: number, flags: number): number
  connect(host: string, port: number): number
  connect6(host: string, port: number): number
  send(request: SendRequest, list: readonly Buffer[], count: number, callback: boolean): number
  send(request: SendRequest, list: Buffer[], count: number, port: number, host: string, callback: boolean): number
  send6(request: SendRequest, list: Buffer[], count: number, port: number, host: string, callback: boolean): number
  getsockname(into: object): number
  recvStart(): number
  close(): void
}

interface UdpBinding {
  readonly UDP: new () => UdpHandle
  readonly SendWrap: new () => SendRequest
  readonly constants: { readonly UV_UDP_IPV6ONLY: number; readonly UV_UDP_REUSEPORT: number }
}

const { UDP, SendWrap, constants } = (process as unknown as { binding(name: 'udp_wrap'): UdpBinding }).binding(
  'udp_wrap',
)

export interface UdpBindOptions {
  /** Every worker binds the address itself, and the kernel gives each pair of peers one of them (SO_REUSEPORT). */
  readonly reusePort: boolean
  readonly ipv6Only: boolean
}

export class UdpSocket {
  private readonly handle = new UDP()
  private readonly ipv6: boolean
  private readonly list: Buffer[] = [Buffer.alloc(0)]
  private request: SendRequest = new SendWrap()
  /** The kernel's buffer was full; what comes meanwhile is not kept. */
  private waiting = false
  private closed = false

  private constructor(ipv6: boolean, receiver: UdpReceiver) {
    this.ipv6 = ipv6
    this.handle.onmessage = (bytes, _handle, data, from) => {
      if (bytes < 0) receiver.onReceiveError()
      else receiver.onDatagram(data, from.address, from.port)
    }
  }

  /** The socket, or the name of the system's error. */
  static bind(address: Address, options: UdpBindOptions, receiver: UdpReceiver): UdpSocket | string {
    const { host, port } = address
    const socket = new UdpSocket(host.includes(':'), receiver)
    let flags = options.reusePort ? constants.UV_UDP_REUSEPORT : 0
    if (socket.ipv6 && options.ipv6Only) flags |= constants.UV_UDP_IPV6ONLY
    const { handle } = socket
    return socket.opened(socket.ipv6 ? handle.bind6(host, port, flags) : handle.bind(host, port, flags))
  }

  /** A socket that sends to `address` and hears nobody else; or the name of the system's error. */
  static connect({ host, port }: Address, receiver: UdpReceiver): UdpSocket | string {
    const socket = new UdpSocket(host.includes(':'), receiver)
    const { handle } = socket
    const status = socket.ipv6 ? handle.connect6(host, port) : handle.connect(host, port)
    if (status >= 0 && isBeyondConnected(handle)) {
      handle.close()
      return 'EMFILE'
    }
    return socket.opened(status)
  }

  private opened(bound: number): UdpSocket | string {
    const status = bound < 0 ? bound : this.handle.recvStart()
    if (status >= 0) return this
    this.handle.close()
    return getSystemErrorName(status)
  }

  get localAddress(): Address {
    const name = { address: '', port: 0 }
    this.handle.getsockname(name)
    return ipAddress(name.address, name.port)
  }

  /** To the address that the socket is connected to; false: it is dropped. */
  send(data: Buffer): boolean {
    if (this.waiting || this.closed) return false
    this.list[0] = data
    return this.taken(this.handle.send(this.request, this.list, 1, true), data)
  }

  sendTo(data: Buffer, host: string, port: number): boolean {
    if (this.waiting || this.closed) return false
    const { handle, list, request } = this
    list[0] = data
    return this.taken(
      this.ipv6 ? handle.send6(request, list, 1, port, host, true) : handle.send(request, list, 1, port, host, true),
      data,
    )
  }

  /** Above 0: the kernel has it. 0: libuv keeps it until the kernel takes it, so `data` must stay. */
  private taken(status: number, data: Buffer): boolean {
    if (status === 0) {
      const { request } = this
      this.waiting = true
      request.data = data
      request.oncomplete = () => {
        this.waiting = false
      }
      this.request = new SendWrap()
    }
    return status >= 0
  }

  close(): void {
    if (this.closed) return
    this.closed = true
    this.handle.close()
  }
}
