// C18: an HTTP/2 origin that breaks the rules harms the request that it got, and nobody else.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { block, data, type Frame, frame, headers, settings, uint32 } from '../../src/http/codec/http2/testing/frames.ts'
import {
  bootstrap,
  freePorts,
  http2Start,
  httpListener,
  ProxyProcess,
  RawHttp2,
  staticCluster,
} from '../harness/index.ts'
import * as H2 from './http2-attacks/attack.ts'
import { Origin } from './http2-attacks/origin.ts'
import { experience } from './http2-attacks/other-client.ts'

const RSS_LIMIT_KB = 64 * 1024
const PATIENCE_MS = 10_000
const REQUESTS = 3
const HTTP_OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

/** How the client is told: a status, or 'cut' and a code when a response ends in a reset. */
type Outcome = number | string

interface Hostility {
  readonly name: string
  /** SETTINGS of the origin in place of none. */
  readonly settings?: readonly (readonly [id: number, value: number])[]
  /** Written once a request has come on stream `id`; null: nothing more. */
  readonly round: (id: number, number: number) => Buffer | null
  readonly outcome: readonly Outcome[]
  /** It reads nothing. */
  readonly deaf?: boolean
  /** Counted by the cluster. */
  readonly stat?: string
}

const ok = (id: number, end = false): Buffer => headers(id, [[':status', '200']], end)
const complete = (id: number): Buffer => Buffer.concat([ok(id), data(id, 'ok', true)])
const once1 = (make: (id: number) => Buffer) => (id: number, n: number) => (n === 0 ? make(id) : null)
const flood = (make: (id: number, n: number) => Buffer) => make

const MESSAGES: readonly Hostility[] = [
  {
    name: 'trailers that do not end the stream, then more',
    round: once1(id => Buffer.concat([ok(id), headers(id, [['x-t', '1']], false), data(id, 'x', true)])),
    outcome: ['cut'],
  },
  { name: '103 with END_STREAM', round: once1(id => headers(id, [[':status', '103']], true)), outcome: [502] },
  {
    name: '100 again and again',
    round: flood(id => H2.times(200, () => headers(id, [[':status', '100']], false))),
    outcome: [502, 503],
  },
  { name: 'no status', round: once1(id => headers(id, [['x-a', '1']], true)), outcome: [502] },
  { name: 'a status that is none', round: once1(id => headers(id, [[':status', '2000']], true)), outcome: [502] },
  {
    name: 'two statuses',
    round: once1(id =>
      headers(
        id,
        [
          [':status', '200'],
          [':status', '500'],
        ],
        true,
      ),
    ),
    outcome: [502],
  },
  {
    name: "a request's pseudo-header",
    round: once1(id =>
      headers(
        id,
        [
          [':status', '200'],
          [':path', '/'],
        ],
        true,
      ),
    ),
    outcome: [502],
  },
  {
    name: 'an upper-case name',
    round: once1(id =>
      headers(
        id,
        [
          [':status', '200'],
          ['X-A', '1'],
        ],
        true,
      ),
    ),
    outcome: [502],
  },
  {
    name: 'a line of its own in a value',
    round: once1(id =>
      headers(
        id,
        [
          [':status', '200'],
          ['x-a', '1\r\nset-cookie: evil=1'],
        ],
        true,
      ),
    ),
    outcome: [502],
  },
  {
    name: 'transfer-encoding',
    round: once1(id =>
      headers(
        id,
        [
          [':status', '200'],
          ['transfer-encoding', 'chunked'],
        ],
        true,
      ),
    ),
    outcome: [502],
  },
  { name: 'DATA before a head', round: once1(id => data(id, 'x', true)), outcome: [502] },
  {
    name: 'less DATA than it says',
    round: once1(id =>
      Buffer.concat([
        headers(
          id,
          [
            [':status', '200'],
            ['content-length', '9'],
          ],
          false,
        ),
        data(id, 'x', true),
      ]),
    ),
    outcome: ['cut'],
  },
  {
    name: 'more DATA than it says',
    round: once1(id =>
      Buffer.concat([
        headers(
          id,
          [
            [':status', '200'],
            ['content-length', '1'],
          ],
          false,
        ),
        data(id, 'xyz', true),
      ]),
    ),
    outcome: ['cut', 200],
  },
  { name: 'a reset', round: once1(id => H2.reset(id)), outcome: [503] },
  {
    name: 'a reset in the middle',
    round: once1(id => Buffer.concat([ok(id), data(id, 'x'), H2.reset(id)])),
    outcome: ['cut'],
  },
]

const FRAMES: readonly Hostility[] = [
  {
    name: 'PUSH_PROMISE',
    round: once1(id => frame(H2.PUSH_PROMISE, H2.END_HEADERS, id, Buffer.concat([uint32(2), block([])]))),
    outcome: [502, 503],
  },
  { name: 'a stream of its own', round: once1(() => ok(2, true)), outcome: [502, 503] },
  { name: 'a stream that nobody opened', round: once1(() => ok(99, true)), outcome: [502, 503] },
  {
    name: 'a broken header block',
    round: once1(id => frame(H2.HEADERS, 5, id, Buffer.from([0x80]))),
    outcome: [502, 503],
  },
  { name: 'a window that overflows', round: once1(() => H2.update(0, 0x7fffffff)), outcome: [502, 503] },
  { name: 'ENABLE_PUSH', round: once1(() => settings([2, 1])), outcome: [502, 503] },
  {
    name: 'HTTP/1.1',
    round: once1(() => Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')),
    outcome: [502, 503],
  },
  {
    name: 'a header block without an end',
    round: flood((id, n) =>
      n === 0
        ? frame(H2.HEADERS, 0, id, block([[':status', '200']]))
        : H2.times(100, () => frame(H2.CONTINUATION, 0, id, block([['x', 'y'.repeat(100)]]))),
    ),
    outcome: [502, 503],
  },
  {
    name: 'a head that is too large',
    round: once1(id =>
      Buffer.concat([
        frame(H2.HEADERS, 0, id, block([[':status', '200']])),
        H2.times(30, i =>
          frame(H2.CONTINUATION, i === 29 ? H2.END_HEADERS : 0, id, block([['x', 'y'.repeat(10_000)]])),
        ),
      ]),
    ),
    outcome: [502, 503],
  },
  {
    name: 'empty DATA for ever',
    round: flood((id, n) => (n === 0 ? ok(id) : H2.times(100, () => data(id, '')))),
    outcome: ['cut'],
    stat: 'inbound_empty_frames_flood',
  },
  {
    name: 'PRIORITY for ever',
    round: flood(() => H2.times(500, () => frame(H2.PRIORITY, 0, 1, Buffer.from([0, 0, 0, 3, 0])))),
    outcome: [502, 503],
    stat: 'inbound_priority_frames_flood',
  },
  {
    name: 'WINDOW_UPDATE for ever',
    round: flood(() => H2.times(500, () => H2.update(0, 1))),
    outcome: [502, 503],
    stat: 'inbound_window_update_frames_flood',
  },
  {
    name: 'SETTINGS whose answers it does not read',
    round: flood(() => H2.times(500, () => settings())),
    outcome: [502, 503],
    deaf: true,
    stat: 'outbound_control_flood',
  },
  {
    name: 'PING whose answers it does not read',
    round: flood(() => H2.times(500, () => frame(H2.PING, 0, 0, Buffer.alloc(8)))),
    outcome: [502, 503],
    deaf: true,
    stat: 'outbound_control_flood',
  },
]

const LIMITS: readonly Hostility[] = [
  { name: 'no streams at all', settings: [[3, 0]], round: () => null, outcome: [504] },
  { name: 'one stream at a time', settings: [[3, 1]], round: once1(complete), outcome: [200] },
  {
    name: 'GOAWAY that keeps this stream',
    round: once1(id => Buffer.concat([frame(H2.GOAWAY, 0, 0, uint32(id, 0)), complete(id)])),
    outcome: [200],
  },
  { name: 'GOAWAY that keeps none', round: once1(() => frame(H2.GOAWAY, 0, 0, uint32(0, 0))), outcome: [503] },
]

const ALL = [...MESSAGES, ...FRAMES, ...LIMITS]

/** An origin for one kind of hostility. */
async function hostileOrigin(hostility: Hostility): Promise<Server> {
  const server = createServer(async socket => {
    const peer = RawHttp2.over(socket)
    peer.send(settings(...(hostility.settings ?? [])))
    const answered = new Set<number>()
    for (;;) {
      const asks = ({ type, id }: { type: number; id: number }): boolean => type === H2.HEADERS && !answered.has(id)
      if (!(await peer.until(frames => frames.some(asks), PATIENCE_MS))) return peer.close()
      const { id } = peer.frames.find(asks)!
      answered.add(id)
      if (hostility.deaf === true) socket.pause()
      const deadline = performance.now() + PATIENCE_MS
      for (let n = 0; !peer.ended && performance.now() < deadline; n++) {
        const bytes = hostility.round(id, n)
        if (bytes === null) break
        if (peer.send(bytes)) await new Promise(resolve => setImmediate(resolve))
        else await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => undefined)
      }
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** One request over a connection of its own. */
async function ask(port: number, path: string): Promise<Outcome> {
  using client = await RawHttp2.connect(port)
  client.send(http2Start(), H2.getOf(1, path))
  const last = ({ type, flags }: Frame): boolean =>
    type === H2.RST_STREAM || type === H2.GOAWAY || (type <= H2.HEADERS && (flags & H2.END_STREAM) !== 0)
  await client.until(frames => frames.some(last), PATIENCE_MS)
  const end = client.frames.find(last)
  if (end === undefined) return 'nothing'
  if (end.type !== H2.DATA && end.type !== H2.HEADERS) return `cut ${end.payload.readUInt32BE(0)}`
  return statusOf(client.frames.find(({ type }) => type === H2.HEADERS)!)
}

/** Of the static table, or a literal with a name of it. */
function statusOf({ payload }: Frame): number {
  const known = [200, 204, 206, 304, 400, 404, 500]
  return known[payload[0]! - 0x88] ?? Number(payload.toString('latin1', 2, 5))
}

describe('hostile HTTP/2 origins', { skip: process.platform !== 'linux' && 'reads memory from /proc' }, () => {
  let proxy: ProxyProcess
  let good: Origin
  let hostile: readonly Server[]
  let port: number

  before(async () => {
    good = await Origin.start()
    hostile = await Promise.all(ALL.map(hostileOrigin))
    ;[port] = (await freePorts(1)) as [number]
    const overHttp2 = {
      typed_extension_protocol_options: {
        [HTTP_OPTIONS]: {
          '@type': `type.googleapis.com/${HTTP_OPTIONS}`,
          explicit_http_config: { http2_protocol_options: {} },
        },
      },
    }
    const routes = [
      ...ALL.map((_, i) => ({ match: { path: `/${i}` }, route: { cluster: `hostile${i}`, timeout: '0.3s' } })),
      { match: { prefix: '/' }, route: { cluster: 'good' } },
    ]
    proxy = await ProxyProcess.start(
      bootstrap(
        [httpListener({ port, routes })],
        [
          staticCluster('good', good.port),
          ...hostile.map((server, i) =>
            staticCluster(`hostile${i}`, (server.address() as AddressInfo).port, overHttp2),
          ),
        ],
      ),
    )
  })
  after(async () => {
    good?.close()
    await proxy?.[Symbol.asyncDispose]()
    for (const server of hostile) server.close()
  })

  for (const [i, { name, outcome, stat }] of ALL.entries()) {
    it(`C18: ${name}`, async () => {
      const before = proxy.residentKb
      const outcomes = (async () => {
        const seen: Outcome[] = []
        for (let n = 0; n < REQUESTS; n++) seen.push(await ask(port, `/${i}`))
        return seen
      })()
      const other = await experience(port, outcomes)
      for (const one of await outcomes) {
        const kind = typeof one === 'number' ? one : one.split(' ')[0]!
        assert.ok(outcome.includes(kind), `${one} is none of ${outcome}`)
      }
      assert.equal(other.failed, 0, 'requests of others')
      assert.ok(proxy.residentKb - before < RSS_LIMIT_KB)
      if (stat === undefined) return
      const counted = (await proxy.stats(stat)).get(`cluster.hostile${i}.http2.${stat}`) ?? 0
      assert.ok(counted > 0, `${stat} is not counted`)
    })
  }

  it('nothing is left behind', async () => {
    assert.deepEqual(await proxy.gaugesLeft(), [])
  })
})
