// `node bench/udp-socket.ts`: nanoseconds per datagram, sent and received in one process: libuv's handle as UdpSocket has it,
// and node:dgram with addresses that need no look-up.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type Address, ipAddress, UdpSocket } from '../src/net/index.ts'

/** Fewer than what the kernel's buffer holds: none is lost. */
const WINDOW = 64
const ROUNDS = Number(process.env['ROUNDS'] ?? 200_000)
const DATA = Buffer.alloc(100)
const HOST = '127.0.0.1'

/** Sends a window whenever the last one has come; resolves when all have. */
class Windows {
  private left = ROUNDS
  private missing = 0
  private readonly send: () => void
  private readonly done = Promise.withResolvers<void>()

  constructor(send: () => void) {
    this.send = send
  }

  run(): Promise<void> {
    this.next()
    return this.done.promise
  }

  private next(): void {
    this.missing = WINDOW
    for (let i = 0; i < WINDOW; i++) this.send()
  }

  received(): void {
    if (--this.missing > 0) return
    this.left -= WINDOW
    if (this.left > 0) this.next()
    else this.done.resolve()
  }
}

function opened(socket: UdpSocket | string): UdpSocket {
  if (typeof socket === 'string') throw new Error(socket)
  return socket
}

async function ofHandles(): Promise<void> {
  let port = 0
  const windows = new Windows(() => sender.sendTo(DATA, HOST, port))
  const receiver = { onDatagram: () => windows.received(), onReceiveError: () => {} }
  const any: Address = ipAddress(HOST, 0)
  const target = opened(UdpSocket.bind(any, { reusePort: false, ipv6Only: false }, receiver))
  const sender = opened(UdpSocket.bind(any, { reusePort: false, ipv6Only: false }, receiver))
  port = target.localAddress.port
  await windows.run()
  target.close()
  sender.close()
}

async function ofDgram(): Promise<void> {
  const lookup = (host: string, _: unknown, callback: (error: null, address: string, family: number) => void): void =>
    callback(null, host, 4)
  const options = { type: 'udp4', lookup } as const
  const [target, sender] = [createSocket(options), createSocket(options)]
  // Without a look-up it may be bound before `bind` returns.
  const listening = once(target, 'listening')
  target.bind(0, HOST)
  await listening
  const { port } = target.address()
  const windows = new Windows(() => sender.send(DATA, 0, DATA.length, port, HOST))
  target.on('message', () => windows.received())
  await windows.run()
  target.close()
  sender.close()
}

const CANDIDATES = { UdpSocket: ofHandles, 'node:dgram': ofDgram }
for (let round = 0; round < 3; round++) {
  for (const [name, run] of Object.entries(CANDIDATES)) {
    const start = performance.now()
    await run()
    const ns = ((performance.now() - start) * 1e6) / ROUNDS
    console.log(`${name.padEnd(12)} ${ns.toFixed(0)} ns`)
  }
}
