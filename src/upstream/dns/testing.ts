// Test kit: a DNS server on a real UDP socket that answers as it is told.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv4 } from 'node:net'

const TYPE_A = 1
const TYPE_AAAA = 28
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

export class TestDnsServer {
  zone: Zone = {}
  ttlS = 60
  /** Questions so far, 'A name' or 'AAAA name'. */
  readonly questions: string[] = []
  private readonly socket: Socket

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('message', (query, from) => this.answer(query, from))
  }

  static async start(): Promise<TestDnsServer> {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    return new TestDnsServer(socket)
  }

  /** 'ip:port'. */
  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`
  }

  private answer(query: Buffer, from: RemoteInfo): void {
    const { name, type, end } = questionOf(query)
    this.questions.push(`${type === TYPE_AAAA ? 'AAAA' : 'A'} ${name}`)
    const entry = this.zone[name] ?? NXDOMAIN
    if (entry === 'silent') return
    const rcode = typeof entry === 'number' ? entry : 0
    const addresses = typeof entry === 'number' ? [] : entry.filter(address => isIPv4(address) === (type === TYPE_A))
    const head = Buffer.from(query.subarray(0, end))
    head.writeUInt16BE(0x8180 | rcode, 2)
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
    this.socket.send(Buffer.concat([head, ...records]), from.port, from.address)
  }

  close(): void {
    this.socket.close()
  }
}
