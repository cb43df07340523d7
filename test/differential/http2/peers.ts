// The two ends of the proxy: what they saw, as lines.
import type { Socket } from 'node:net'
import type { Frame } from '../../../src/http/codec/http2/testing/frames.ts'
import type { RawHttp2 } from '../../harness/index.ts'
import { field } from '../view.ts'
import { HpackFields } from './hpack-fields.ts'

const LONGEST = 200
const printable = (text: string): string =>
  text.replace(/[\0-\x1f\x7f-\xff]/g, char => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
const short = (text: string): string => {
  const shown = printable(text).replace(/(PROXY TCP4 \S+ \S+) \d+ \d+/, '$1 * *')
  return shown.length > LONGEST ? `${shown.slice(0, 60)}... (${shown.length})` : shown
}

/** What the sight of a peer may wait for. */
export type Sight = 'head' | 'data' | 'end' | 'reset' | 'closed' | 'goaway' | 'acked' | 'request2' | 'settings'

export interface Peer {
  has(sight: Sight): boolean
  /** Every stream that has begun is over, or the connection is. */
  readonly over: boolean
  lines(mark: string): readonly string[]
  send(bytes: Buffer): void
  readonly socket: Socket
}

interface SeenStream {
  readonly heads: string[][]
  body: string
  ended: boolean
  reset: number | null
}

export class Http2Peer implements Peer {
  readonly raw: RawHttp2
  readonly streams = new Map<number, SeenStream>()
  private readonly hpack = new HpackFields()
  private read = 0
  private saidGoAway = false
  private readonly types = new Set<string>()
  private open: Buffer[] = []
  /** Client streams that were begun: they are waited for. */
  expected = 0

  /** Frames of the connection, in words; null: they are not told. */
  private readonly connection: string[] | null

  constructor(raw: RawHttp2, tellsFrames = false) {
    this.raw = raw
    this.connection = tellsFrames ? [] : null
  }

  get socket(): Socket {
    return this.raw.socket
  }

  send(bytes: Buffer): void {
    this.raw.send(bytes)
  }

  update(): void {
    for (; this.read < this.raw.frames.length; this.read++) this.take(this.raw.frames[this.read]!)
  }

  private take({ type, flags, id, payload }: Frame): void {
    if (type === 4) this.types.add((flags & 1) === 0 ? 'settings' : 'acked')
    if (type === 7) this.saidGoAway = true
    this.connection?.push(...connectionFrame({ type, flags, id, payload }))
    if (id === 0 || ![0, 1, 3, 9].includes(type)) return
    const stream = this.streams.get(id) ?? { heads: [], body: '', ended: false, reset: null }
    this.streams.set(id, stream)
    if (type === 0) stream.body += payload.toString('latin1')
    if (type === 3) stream.reset = payload.readUInt32BE(0)
    if (type === 1 || type === 9) {
      this.open.push((flags & 0x20) !== 0 && type === 1 ? payload.subarray(5) : payload)
      if ((flags & 4) !== 0) {
        stream.heads.push(lined(this.hpack.decode(Buffer.concat(this.open))))
        this.open = []
      }
    }
    if (type <= 1 && (flags & 1) !== 0) stream.ended = true
  }

  has(sight: Sight): boolean {
    this.update()
    const all = [...this.streams.values()]
    switch (sight) {
      case 'head':
        return all.some(({ heads }) => heads.length > 0)
      case 'request2':
        return all.filter(({ heads }) => heads.length > 0).length >= 2
      case 'data':
        return all.some(({ body }) => body !== '')
      case 'end':
        return all.some(({ ended }) => ended)
      case 'reset':
        return all.some(({ reset }) => reset !== null)
      case 'closed':
        return this.raw.ended
      case 'goaway':
        return this.saidGoAway
      default:
        return this.types.has(sight)
    }
  }

  get over(): boolean {
    this.update()
    const done = [...this.streams.values()].filter(({ ended, reset }) => ended || reset !== null).length
    return this.raw.ended || (this.expected > 0 && done >= this.expected)
  }

  lines(mark: string): readonly string[] {
    this.update()
    const lines = [...this.streams].flatMap(([id, { heads, body, ended, reset }]) => [
      ...heads.flatMap((head, i) =>
        head.map(line => `${mark}${id} ${i > 0 && !head[0]!.startsWith(':') ? 'trailer ' : ''}${line}`),
      ),
      ...(body === '' ? [] : [`${mark}${id} body ${short(body)}`]),
      ...(ended ? [`${mark}${id} end`] : []),
      ...(reset === null ? [] : [`${mark}${id} reset ${reset}`]),
    ])
    return this.connection === null ? lines : [...this.connection.map(line => `${mark} ${line}`), ...lines]
  }
}

/** What is told of frames of a connection; no goaways: Envoy's wait in buffers, or are not sent. */
function connectionFrame({ type, flags, id, payload }: Frame): readonly string[] {
  if (type === 4 && (flags & 1) === 0) {
    const pairs = Array.from({ length: payload.length / 6 }, (_, i) => {
      return `${payload.readUInt16BE(i * 6)}=${payload.readUInt32BE(i * 6 + 2)}`
    })
    return [`SETTINGS ${pairs.sort().join(' ')}`]
  }
  if (type === 6 && (flags & 1) === 0) return ['PING']
  if (type === 8 && id === 0) return [`WINDOW ${payload.readUInt32BE(0)}`]
  return type > 9 ? [`FRAME ${type} on ${id}`] : []
}

/** The order of pseudo-headers says nothing. */
function lined(fields: readonly (readonly [string, string])[]): string[] {
  const pseudo = fields.filter(([name]) => name.startsWith(':')).map(one => field(one))
  return [...pseudo.sort(), ...fields.filter(([name]) => !name.startsWith(':')).map(one => field(one))]
}

/** HTTP/1.1: its bytes are shown as they are. */
export class Http1Peer implements Peer {
  readonly socket: Socket
  received = ''
  ended = false
  /** Responses that are waited for. */
  expected = 0

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', bytes => (this.received += (bytes as Buffer).toString('latin1')))
    const end = (): void => void (this.ended = true)
    socket.on('end', end).on('error', end).on('close', end)
  }

  send(bytes: Buffer): void {
    if (this.socket.writable) this.socket.write(bytes)
  }

  has(sight: Sight): boolean {
    const headEnd = this.received.indexOf('\r\n\r\n')
    if (sight === 'closed') return this.ended
    if (sight === 'head') return headEnd >= 0
    if (sight === 'request2') return this.received.split('\r\n\r\n').length > 2
    if (sight === 'data') return headEnd >= 0 && this.received.length > headEnd + 4
    if (sight === 'end') return isComplete(this.received)
    return false
  }

  get over(): boolean {
    return this.ended || (this.expected > 0 && isComplete(this.received))
  }

  lines(mark: string): readonly string[] {
    return this.received
      .split('\r\n')
      .filter((line, i, all) => line !== '' || i < all.length - 1)
      .map(line => `${mark} ${line.length > LONGEST ? short(line) : printable(maskLine(line))}`)
  }
}

/** Just bytes. */
export class TcpPeer implements Peer {
  readonly socket: Socket
  /** What it waits for, its script says. */
  readonly over = true
  private received = ''
  private end: 'closed' | 'reset' | null = null

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', bytes => (this.received += (bytes as Buffer).toString('latin1')))
    socket.on('end', () => (this.end ??= 'closed'))
    socket.on('error', () => (this.end ??= 'reset'))
  }

  send(bytes: Buffer): void {
    if (this.socket.writable) this.socket.write(bytes)
  }

  has(sight: Sight): boolean {
    if (sight === 'closed') return this.end !== null
    return sight === 'data' && this.received !== ''
  }

  lines(mark: string): readonly string[] {
    return [...(this.received === '' ? [] : [`${mark} ${short(this.received)}`]), `${mark} ${this.end ?? 'open'}`]
  }
}

function maskLine(line: string): string {
  const [, name, value] = /^([a-z0-9-]+): (.*)$/.exec(line) ?? []
  return name === undefined ? line : field([name, value!])
}

/** Whether the last message is all there; what has no length ends with the connection. */
function isComplete(text: string): boolean {
  const begin = text.lastIndexOf('\r\n\r\nHTTP/1.') + 1
  const last = begin > 0 && /^HTTP\/1\.1 1/.test(text) ? text.slice(text.lastIndexOf('HTTP/1.')) : text
  const headEnd = last.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const head = last.slice(0, headEnd + 2).toLowerCase()
  if (/^http\/1\.1 1\d\d/.test(head)) return /^http\/1\.1 101/.test(head)
  if (head.includes('\r\ntransfer-encoding: chunked\r\n')) return /\r\n0\r\n([^\r]+\r\n)*\r\n$/.test(last)
  const length = Number(/\r\ncontent-length: (\d+)\r\n/.exec(head)?.[1] ?? 0)
  return last.length >= headEnd + 4 + length
}
