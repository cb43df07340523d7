// Test kit: a DNS server on a real UDP socket, and on TCP for what no datagram holds, that answers as it is told.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIPv4, type Server } from 'node:net'

const TYPE_A = 1
const TYPE_AAAA = 28
const MAX_DATAGRAM_BYTES = 1232
const FLAGS = 0x8180
const FLAG_TRUNCATED = 0x0200
export const SERVFAIL = 2
export const NXDOMAIN = 3

/** Records of a name; a number is an RCODE, 'silent' no answer at all. */
export type Zone = Record<string, readonly string[] | number | 'silent'>

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16))
  const before = groups(head)
  const after = tail === undefined ? [] : groups(tail)
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
  const bytes = Buffer.alloc(16)
  for (const [index, group] of all.entries()) bytes.writeUInt16BE(group, index * 2)
  return bytes
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] as number; length > 0; length = query[at] as number) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** The question without an answer: it is to be asked over TCP. */
function truncated(answer: Buffer, query: Buffer): Buffer {
  const head = Buffer.from(answer.subarray(0, questionOf(query).end))
  head.writeUInt16BE(FLAGS | FLAG_TRUNCATED, 2)
  head.writeUInt16BE(0, 6)
  return head
}

export class TestDnsServer {
  zone: Zone = {}
  ttlS = 60
  /** Questions so far, 'A name' or 'AAAA name'. */
  readonly questions: string[] = []
  private readonly socket: Socket
  private readonly server: Server

  private constructor(socket: Socket, server: Server) {
    this.socket = socket
    this.server = server
    socket.on('message', (query, from) => {
      const answer = this.answer(query)
      if (answer !== null)
        socket.send(answer.length > MAX_DATAGRAM_BYTES ? truncated(answer, query) : answer, from.port, from.address)
    })
    server.on('connection', connection => {
      connection.on('error', () => connection.destroy())
      connection.on('data', (bytes: Buffer) => {
        const answer = this.answer(bytes.subarray(2))
        if (answer === null) return
        const length = Buffer.alloc(2)
        length.writeUInt16BE(answer.length)
        connection.end(Buffer.concat([length, answer]))
      })
    })
  }

  static async start(): Promise<TestDnsServer> {
    for (;;) {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const socket = createSocket('udp4')
      const bound = await new Promise(resolve => {
        socket.once('error', () => resolve(false)).bind(port, '127.0.0.1', () => resolve(true))
      })
      if (bound) return new TestDnsServer(socket, server)
      // Another's datagrams come to that port.
      server.close()
    }
  }

  /** 'ip:port'. */
  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`
  }

  private answer(query: Buffer): Buffer | null {
    const { name, type, end } = questionOf(query)
    this.questions.push(`${type === TYPE_AAAA ? 'AAAA' : 'A'} ${name}`)
    const entry = this.zone[name] ?? NXDOMAIN
    if (entry === 'silent') return null
    const rcode = typeof entry === 'number' ? entry : 0
    const addresses = typeof entry === 'number' ? [] : entry.filter(address => isIPv4(address) === (type === TYPE_A))
    const head = Buffer.from(query.subarray(0, end))
    head.writeUInt16BE(FLAGS | rcode, 2)
    head.writeUInt16BE(addresses.length, 6)
    head.writeUInt16BE(0, 8)
    head.writeUInt16BE(0, 10)
    const records = addresses.map(address => {
      const data = addressBytes(address)
      const record = Buffer.alloc(12)
      record.writeUInt16BE(0xc00c, 0)
      record.writeUInt16BE(type, 2)
      record.writeUInt16BE(1, 4)
      record.writeUInt32BE(this.ttlS, 6)
      record.writeUInt16BE(data.length, 10)
      return Buffer.concat([record, data])
    })
    return Buffer.concat([head, ...records])
  }

  close(): void {
    this.socket.close()
    this.server.close()
  }
}
