// What is thrown at an HTTP/2 proxy: the attacker is cut off, another client hardly notices, memory and origin stay bounded.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import http2 from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../harness/index.ts'

const DATA = 0
const HEADERS = 1
const PRIORITY = 2
const RST_STREAM = 3
const SETTINGS = 4
const PING = 6
const WINDOW_UPDATE = 8
const CONTINUATION = 9
const END_STREAM = 1
const END_HEADERS = 4
/** An attack that is not answered by then has not been contained. */
const PATIENCE_MS = 20_000
const RSS_LIMIT_KB = 64 * 1024
const OPEN_AT_ORIGIN = 250

function frame(type: number, flags: number, id: number, body: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(body.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(id, 5)
  return Buffer.concat([head, body])
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
/** GET or POST /slow of http test: static fields, and a path that the origin answers late. */
const head = (method: 'GET' | 'POST'): Buffer =>
  Buffer.concat([
    Buffer.from([method === 'GET' ? 0x82 : 0x83, 0x86, 0x04, 5]),
    Buffer.from('/slow'),
    Buffer.from([0x01, 4]),
    Buffer.from('test'),
  ])
const GET = head('GET')
const POST = head('POST')
const times = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)))

/** Rounds of frames; they are sent until the proxy has had enough. `reads`: whether the attacker reads answers. */
interface Attack {
  readonly name: string
  readonly reads?: boolean
  round(number: number): Buffer
}

const ids = (round: number, perRound: number, i: number): number => 1 + 2 * (round * perRound + i)

const ATTACKS: readonly Attack[] = [
  {
    name: 'rapid reset: requests taken back at once (C1)',
    reads: true,
    round: n =>
      times(100, i => {
        const id = ids(n, 100, i)
        return Buffer.concat([frame(HEADERS, END_HEADERS | END_STREAM, id, GET), frame(RST_STREAM, 0, id, uint32(8))])
      }),
  },
  {
    name: 'made you reset: requests that the proxy must take back, by an empty WINDOW_UPDATE (C2)',
    reads: true,
    round: n =>
      times(100, i => {
        const id = ids(n, 100, i)
        return Buffer.concat([
          frame(HEADERS, END_HEADERS | END_STREAM, id, GET),
          frame(WINDOW_UPDATE, 0, id, uint32(0)),
        ])
      }),
  },
  {
    name: 'made you reset: by a window that overflows (C2)',
    reads: true,
    round: n =>
      times(100, i => {
        const id = ids(n, 100, i)
        return Buffer.concat([
          frame(HEADERS, END_HEADERS | END_STREAM, id, GET),
          frame(WINDOW_UPDATE, 0, id, uint32(0x7fffffff)),
        ])
      }),
  },
  {
    name: 'made you reset: by a stream that depends on itself (C2)',
    reads: true,
    round: n =>
      times(100, i => {
        const id = ids(n, 100, i)
        const itself = Buffer.concat([uint32(id), Buffer.from([0])])
        return Buffer.concat([frame(HEADERS, END_HEADERS | END_STREAM, id, GET), frame(PRIORITY, 0, id, itself)])
      }),
  },
  {
    name: 'a header block that does not end (C3)',
    reads: true,
    round: n => (n === 0 ? frame(HEADERS, END_STREAM, 1, GET) : times(100, () => frame(CONTINUATION, 0, 1, GET))),
  },
  {
    name: 'empty CONTINUATION frames (C3)',
    reads: true,
    round: n => (n === 0 ? frame(HEADERS, END_STREAM, 1, GET) : times(100, () => frame(CONTINUATION, 0, 1))),
  },
  { name: 'SETTINGS without reading the answers (C4)', round: () => times(500, () => frame(SETTINGS, 0, 0)) },
  { name: 'PING without reading the answers (C4)', round: () => times(500, () => frame(PING, 0, 0, Buffer.alloc(8))) },
  {
    name: 'resets provoked without reading them (C5)',
    round: n =>
      times(100, i =>
        frame(HEADERS, END_HEADERS | END_STREAM, ids(n, 100, i), Buffer.concat([GET, Buffer.from([0x82])])),
      ),
  },
  {
    name: 'PRIORITY frames (C7)',
    reads: true,
    round: () => times(500, () => frame(PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 0]))),
  },
  {
    name: 'empty DATA frames (C8)',
    reads: true,
    round: n => (n === 0 ? frame(HEADERS, END_HEADERS, 1, POST) : times(100, () => frame(DATA, 0, 1))),
  },
  {
    name: 'header fields with empty names (C9)',
    reads: true,
    round: n =>
      frame(HEADERS, END_HEADERS | END_STREAM, ids(n, 1, 0), Buffer.concat([GET, Buffer.from([0, 0, 1, 0x78])])),
  },
  {
    name: 'WINDOW_UPDATE frames (C10)',
    reads: true,
    round: n =>
      n === 0 ? frame(HEADERS, END_HEADERS, 1, POST) : times(500, () => frame(WINDOW_UPDATE, 0, 0, uint32(1))),
  },
  {
    name: 'one large field referred to again and again (C11)',
    reads: true,
    round: n => {
      const large = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0x81, 0x1e]), Buffer.alloc(4000, 'v')])
      const block = Buffer.concat([GET, large, Buffer.alloc(8000, 0xbe)])
      return frame(HEADERS, END_HEADERS | END_STREAM, ids(n, 1, 0), block.subarray(0, 16384))
    },
  },
  {
    name: 'a window beyond what there is (C13)',
    reads: true,
    round: () => frame(WINDOW_UPDATE, 0, 0, uint32(0x7fffffff)),
  },
  {
    name: 'frames of a kind that no client may send (C15)',
    reads: true,
    round: () => frame(5, END_HEADERS, 1, Buffer.from([0, 0, 0, 2, 0x88])),
  },
]

/** Runs an attack until the connection is over. */
async function run(attack: Attack, port: number): Promise<void> {
  const socket: Socket = connect(port, '127.0.0.1')
  let over = false
  socket.on('error', () => {})
  socket.on('close', () => {
    over = true
  })
  await once(socket, 'connect')
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0)]))
  if (attack.reads === true) {
    socket.resume()
    socket.on('end', () => {
      over = true
    })
  } else socket.pause()
  const deadline = performance.now() + PATIENCE_MS
  let rounds = 0
  while (!over && performance.now() < deadline) {
    const went = socket.write(attack.round(rounds++))
    if (attack.reads !== true && rounds % 20 === 0) {
      // One that does not read learns of the end only by writing; a paused socket shows it once it is resumed.
      socket.resume()
      await new Promise(resolve => setImmediate(resolve))
      if (!over) socket.pause()
    }
    if (!went) await Promise.race([once(socket, 'drain').catch(() => {}), once(socket, 'close'), tick(200)])
    else await new Promise(resolve => setImmediate(resolve))
  }
  socket.destroy()
  assert.ok(over, `not contained after ${rounds} rounds`)
}

const tick = (ms: number): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, ms).unref()
  })

const rssKb = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

describe('HTTP/2 attacks', { skip: process.platform !== 'linux' && 'reads memory from /proc' }, () => {
  let proxy: ProxyProcess
  let origin: Server
  let port = 0
  let open = 0
  let mostOpen = 0
  const bystanders: http2.ClientHttp2Session[] = []

  before(async () => {
    origin = createServer((request, response) => {
      mostOpen = Math.max(mostOpen, ++open)
      response.on('close', () => open--)
      if (request.url === '/slow') setTimeout(() => response.end('slow'), 100)
      else response.end('ok')
    }).listen(0, '127.0.0.1')
    await once(origin, 'listening')
    ;[port] = (await freePorts(1)) as [number]
    proxy = await ProxyProcess.start(
      bootstrap(
        // Envoy's values for an edge.
        [httpListener({ port, hcm: { http2_protocol_options: { max_concurrent_streams: 100 } } })],
        [staticCluster('origin', (origin.address() as AddressInfo).port)],
      ),
    )
  })
  after(async () => {
    for (const session of bystanders) session.destroy()
    origin.closeAllConnections()
    origin.close()
    await proxy[Symbol.asyncDispose]()
  })

  /** A client that minds its own business until `stop`; how many of its requests failed, and its slowest in ms. */
  function bystander(): { stop(): Promise<{ failed: number; done: number }> } {
    const session = http2.connect(`http://127.0.0.1:${port}`)
    session.on('error', () => {})
    bystanders.push(session)
    let running = true
    let failed = 0
    let done = 0
    const loop = (async () => {
      while (running) {
        const stream = session.request({ ':path': '/ok' })
        const status = await once(stream, 'response').then(
          ([headers]) => headers[':status'],
          () => 0,
        )
        stream.resume()
        if (status !== 200) failed++
        done++
        await new Promise(resolve => setImmediate(resolve))
      }
    })()
    return {
      stop: async () => {
        running = false
        await loop
        session.close()
        return { failed, done }
      },
    }
  }

  for (const attack of ATTACKS) {
    it(attack.name, async () => {
      const pid = proxy.process.pid as number
      const before = rssKb(pid)
      mostOpen = open
      const other = bystander()
      await run(attack, port)
      const { failed, done } = await other.stop()
      assert.equal(failed, 0, `${failed} of ${done} requests of another client failed`)
      assert.ok(done > 0)
      assert.ok(mostOpen <= OPEN_AT_ORIGIN, `${mostOpen} requests were open at the origin`)
      const grown = rssKb(pid) - before
      assert.ok(grown < RSS_LIMIT_KB, `memory grew by ${grown} kB`)
    })
  }

  it('nothing is left behind', async () => {
    const gauges = async (): Promise<string> =>
      [...(await proxy.stats('rq_active|streams_active|pending_send'))]
        .filter(([name, value]) => value !== 0 && !name.includes('admin'))
        .map(([name, value]) => `${name}: ${value}`)
        .join(', ')
    const deadline = performance.now() + 5000
    while ((await gauges()) !== '' && performance.now() < deadline);
    assert.equal(await gauges(), '')
  })
})
