// Plays exchanges between HTTP/2 and HTTP/1.1 through one proxy and tells what both ends saw, what was logged and counted.
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { frame } from '../../../src/http/codec/http2/testing/frames.ts'
import { freePorts, http2Start, ProxyProcess, RawHttp2 } from '../../harness/index.ts'
import { bootstrapOf, type Http2Case, type Http2Unit, type OriginPorts, type Placed } from './bootstrap.ts'
import { Http1Peer, Http2Peer, type Peer, type Sight, TcpPeer } from './peers.ts'
import { settingsOf, stepFrames, written } from './steps.ts'

const WAIT_MS = 1500
const QUIET_MS = 40
const KNOWN_QUIET_MS = 10
const STATS_MS = 1000

const delay = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

async function until(holds: () => boolean, ms = WAIT_MS): Promise<boolean> {
  const deadline = performance.now() + ms
  while (!holds()) {
    if (performance.now() > deadline) return false
    await delay(1)
  }
  return true
}

const ANSWER_HTTP2 = ['head $\n:status: 200', 'data $ end ok']
const ANSWER_HTTP1 = ['text HTTP/1.1 200 OK\\x0d\\x0acontent-length: 2\\x0d\\x0a\\x0d\\x0aok']

/** Every kind of origin; what they do is the current case's. */
class Origins {
  peers: Peer[] = []
  current: Http2Case | null = null
  client: Peer | null = null
  asked = 0
  stuck: string | null = null
  showFrames: boolean | undefined = false
  private readonly servers: Server[] = []

  async start(): Promise<OriginPorts> {
    const listen = async (accept: (socket: Socket) => void): Promise<number> => {
      const server = createServer({ allowHalfOpen: true, noDelay: true }, accept).listen(0, '127.0.0.1')
      await once(server, 'listening')
      this.servers.push(server)
      return (server.address() as AddressInfo).port
    }
    return {
      h1: await listen(socket => this.acceptHttp1(socket)),
      h2: await listen(socket => this.acceptHttp2(socket)),
      tcp: await listen(socket => this.acceptTcp(socket)),
    }
  }

  private acceptHttp1(socket: Socket): void {
    const peer = new Http1Peer(socket)
    this.peers.push(peer)
    let from = 0
    socket.on('data', () => {
      const end = peer.received.indexOf('\r\n\r\n', from)
      if (end < 0) return
      from = peer.received.length
      void this.answer(peer, 0)
    })
  }

  /** Answers when it has been connected to: its script says what it waits for. */
  private acceptTcp(socket: Socket): void {
    const peer = new TcpPeer(socket)
    this.peers.push(peer)
    void this.answer(peer, 0)
  }

  private acceptHttp2(socket: Socket): void {
    const peer = new Http2Peer(RawHttp2.over(socket), this.showFrames)
    this.peers.push(peer)
    peer.send(frame(4, 0, 0, settingsOf((this.current?.originSettings ?? '').split(' ').filter(word => word !== ''))))
    const answered = new Set<number>()
    socket.on('data', () => {
      peer.update()
      for (const { type, flags } of peer.raw.frames)
        if (type === 4 && (flags & 1) === 0 && !answered.has(0)) {
          answered.add(0)
          peer.send(frame(4, 1, 0))
        }
      for (const [id, { heads }] of peer.streams) {
        if (heads.length === 0 || answered.has(id)) continue
        answered.add(id)
        void this.answer(peer, id)
      }
    })
  }

  private async answer(peer: Peer, id: number): Promise<void> {
    const scripts = this.current?.origin ?? [peer instanceof Http2Peer ? ANSWER_HTTP2 : ANSWER_HTTP1]
    const script = scripts[Math.min(this.asked++, scripts.length - 1)]!
    await this.play(peer, id, script)
  }

  async play(peer: Peer, id: number, script: readonly string[]): Promise<void> {
    const mine = this.current
    for (const step of script) {
      const words = step.split(' ')
      if (words[0] === 'wait') {
        const who = words[1] === 'origin' ? this.peers.at(-1) : words[1] === 'client' ? this.client : peer
        const sight = words.at(-1) as Sight
        const holds = (): boolean =>
          words[1] === 'origin' ? this.peers.some(one => one.has(sight)) : (who?.has(sight) ?? false)
        // A script may outlive its case.
        if (!(await until(holds)) && this.current === mine) this.stuck = step
      } else if (words[0] === 'pause') await delay(Number(words[1]))
      else if (words[0] === 'close') peer.socket.end()
      else if (words[0] === 'rst') peer.socket.resetAndDestroy()
      else if (words[0] === 'text') peer.send(Buffer.from(written(step.slice(5)), 'latin1'))
      else {
        const frames = stepFrames(step, id)
        if (frames === null) throw new Error(`no step: ${step}`)
        peer.send(frames)
      }
    }
  }

  reset(next: Http2Case | null): void {
    for (const { socket } of this.peers) socket.destroy()
    this.peers = []
    this.current = next
    this.asked = 0
    this.stuck = null
  }

  close(): void {
    this.reset(null)
    for (const server of this.servers) server.close()
  }
}

interface Played {
  readonly placed: Placed
  readonly clientPort: number
  readonly lines: string[]
}

class Player {
  private readonly proxy: ProxyProcess
  private readonly origins: Origins
  private readonly clientPorts = new Set<number>()

  constructor(proxy: ProxyProcess, origins: Origins) {
    this.proxy = proxy
    this.origins = origins
  }

  async play(placed: Placed, one: Http2Case): Promise<Played> {
    const { origins } = this
    origins.reset(one)
    origins.showFrames = placed.unit.frames
    await this.untilIdle(placed)
    const before = await this.stats(placed)
    const client = await this.connect(placed)
    origins.client = client
    const clientPort = client.socket.localPort!
    const begun = one.client.filter(step => /^(req|head|text) /.test(step)).length
    if (client instanceof Http2Peer) {
      const ids = one.client.flatMap(step => /^(?:req|head) (\d+)/.exec(step)?.[1] ?? [])
      client.expected = one.expect ?? new Set(ids).size
      client.send(http2Start(...settingsPairs(one.settings)))
    } else if (client instanceof Http1Peer) client.expected = one.expect ?? Math.min(begun, 1)
    await origins.play(client, 1, one.client)
    const expected = one.seen?.filter(line => !/^(stat|log) /.test(line)).join('\n')
    const look = (): string[] => [
      ...client.lines('<'),
      // When an HTTP/1 connection is closed behind an answer is a matter of taste; see core.test.ts.
      ...(placed.unit.down === 'h2' ? [client.has('closed') ? '< closed' : '< open'] : []),
      ...origins.peers.flatMap(peer => peer.lines('>')),
      ...(placed.unit.down === 'tcp' ? origins.peers.map(peer => (peer.has('closed') ? '> closed' : '> open')) : []),
      ...(origins.stuck === null ? [] : [`stuck at ${origins.stuck.split('\n')[0]}`]),
    ]
    const isAsExpected = (): boolean => expected !== undefined && look().join('\n') === expected
    // Many a client sees no end: where all has come that is to come, none is waited for.
    await until(() => client.over || isAsExpected())
    if (expected !== undefined) await until(isAsExpected, STATS_MS)
    // What nobody expects comes now.
    await delay(expected === undefined ? QUIET_MS : KNOWN_QUIET_MS)
    const lines = look()
    client.socket.destroy()
    lines.push(...(await this.changes(placed, one, before)))
    return { placed, clientPort, lines }
  }

  /** From a port that no case before had: log lines are found by it. */
  private async connect({ unit, port }: Placed): Promise<Http1Peer | Http2Peer | TcpPeer> {
    let [localPort] = await freePorts(1)
    while (this.clientPorts.has(localPort!)) [localPort] = await freePorts(1)
    this.clientPorts.add(localPort!)
    const socket = connect({ port, localPort: localPort!, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    await once(socket, 'connect')
    if (unit.down === 'h2') return new Http2Peer(RawHttp2.over(socket), unit.frames)
    return unit.down === 'h1' ? new Http1Peer(socket) : new TcpPeer(socket)
  }

  /** Nothing of the case before is left in the pool. */
  private async untilIdle({ slug }: Placed): Promise<void> {
    const deadline = performance.now() + WAIT_MS
    for (;;) {
      const stats = await this.proxy.stats(
        `^(cluster\\.${slug}\\.upstream_cx_active|(http|tcp)\\.${slug}\\.downstream_cx_active)$`,
      )
      if ([...stats.values()].every(value => value === 0) || performance.now() > deadline) return
    }
  }

  private async stats({ slug }: Placed): Promise<ReadonlyMap<string, number>> {
    const all = await this.proxy.stats(`^(http|tcp|cluster)\\.${slug}\\.|^http[12]\\.`)
    const wanted = [...all].filter(
      ([name]) =>
        !/bytes|_active|_ms$|_length_ms|buffered|http1_dep|pending_send|internal\.|external\.|user_agent|membership|max_host_weight|circuit_breakers|assignment|update_|lb_|default\.|warming|nghttp2_|delayed_close|_cx_destroy|downstream_cx_total|upstream_cx_protocol_error|goaway_sent/.test(
          name,
        ),
    )
    return new Map(wanted.map(([name, value]) => [name.replace(`.${slug}.`, '.'), value]))
  }

  private async changes(placed: Placed, one: Http2Case, before: ReadonlyMap<string, number>): Promise<string[]> {
    const expected = (one.seen ?? []).filter(line => line.startsWith('stat ')).join()
    const deadline = performance.now() + (one.seen === undefined ? QUIET_MS : STATS_MS)
    for (;;) {
      const changes: string[] = []
      for (const [name, value] of [...(await this.stats(placed))].sort(([a], [b]) => (a < b ? -1 : 1))) {
        const change = value - (before.get(name) ?? 0)
        if (change !== 0) changes.push(`stat ${name} ${change > 0 ? '+' : ''}${change}`)
      }
      if (one.seen !== undefined && changes.join() === expected) return changes
      if (performance.now() > deadline) return changes
      await delay(5)
    }
  }
}

const settingsPairs = (words = ''): (readonly [number, number])[] =>
  words
    .split(' ')
    .filter(word => word !== '')
    .map(word => word.split('=').map(Number) as [number, number])

async function logLines({ placed, clientPort }: Played): Promise<readonly string[]> {
  const client = `127.0.0.1:${clientPort} `
  const logged = (await readFile(placed.logFile, 'latin1').catch(() => '')).split('\n')
  return logged.filter(line => line.startsWith(client)).map(line => `log ${line.slice(client.length)}`)
}

/** For each unit and each of its cases: the lines that were seen. */
export async function playHttp2(units: readonly Http2Unit[]): Promise<readonly (readonly (readonly string[])[])[]> {
  const folder = await mkdtemp(join(tmpdir(), 'http2-answers-'))
  const ports = await freePorts(units.length)
  const placed = units.map((unit, i) => ({
    unit,
    slug: `unit${i}`,
    port: ports[i]!,
    logFile: join(folder, `unit${i}`),
  }))
  const origins = new Origins()
  const originPorts = await origins.start()
  try {
    const proxy = await ProxyProcess.start(bootstrapOf(placed, originPorts))
    const player = new Player(proxy, origins)
    const played: Played[][] = []
    try {
      for (const place of placed) {
        const cases: Played[] = []
        for (const one of place.unit.cases) cases.push(await player.play(place, one))
        played.push(cases)
      }
    } finally {
      await proxy.stop()
    }
    return await Promise.all(
      played.map(cases => Promise.all(cases.map(async one => [...one.lines, ...(await logLines(one))]))),
    )
  } finally {
    origins.close()
    await rm(folder, { recursive: true })
  }
}
