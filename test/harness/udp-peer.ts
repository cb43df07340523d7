import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'

/** A datagram socket that keeps what it gets and waits for events, not for time. */
export class UdpPeer {
  readonly socket: Socket
  readonly received: string[] = []
  /** Where the newest datagram came from. */
  from: RemoteInfo | null = null
  /** Ports that datagrams came from, in order of their first. */
  readonly ports = new Set<number>()
  /** What is sent back; null: nothing. */
  answer: ((text: string) => string | null) | null = null

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('message', (data, from) => {
      const text = data.toString('latin1')
      this.received.push(text)
      this.from = from
      this.ports.add(from.port)
      const answer = this.answer?.(text) ?? null
      if (answer !== null) socket.send(Buffer.from(answer, 'latin1'), from.port, from.address)
    })
  }

  static async open(address = '127.0.0.1', port = 0): Promise<UdpPeer> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    socket.bind(port, address)
    await once(socket, 'listening')
    return new UdpPeer(socket)
  }

  /** One that answers everything with `<name>:<what came>`. */
  static async echo(name: string, address = '127.0.0.1', port = 0): Promise<UdpPeer> {
    const peer = await UdpPeer.open(address, port)
    peer.answer = text => `${name}:${text}`
    return peer
  }

  get port(): number {
    return this.socket.address().port
  }

  send(text: string, port: number): void {
    const address = this.socket.address().address.includes(':') ? '::1' : '127.0.0.1'
    this.socket.send(Buffer.from(text, 'latin1'), port, address)
  }

  /** The first `count` datagrams. */
  async expect(count: number): Promise<readonly string[]> {
    while (this.received.length < count) await once(this.socket, 'message')
    return this.received.slice(0, count)
  }

  /** Sends, and waits for the next datagram that comes back. */
  async ask(text: string, port: number): Promise<string> {
    const before = this.received.length
    this.send(text, port)
    return (await this.expect(before + 1))[before] as string
  }

  close(): void {
    this.socket.close()
  }
}
