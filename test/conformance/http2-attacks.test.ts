// What is thrown at an HTTP/2 proxy: the attacker is cut off, another client hardly notices, memory and origin stay bounded.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { availableParallelism, loadavg } from 'node:os'
import { after, before, describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster, TestAuthority } from '../harness/index.ts'
import { downstreamTls, pair } from '../integration/tls/kit.ts'
import type { Face } from './http2-attacks/attack.ts'
import type { AttackerData, AttackOrder, AttackReport } from './http2-attacks/attacker-thread.ts'
import { FLOODS } from './http2-attacks/floods.ts'
import { MALFORMED } from './http2-attacks/malformed.ts'
import { Origin } from './http2-attacks/origin.ts'
import { type Experience, experience } from './http2-attacks/other-client.ts'

const RSS_LIMIT_KB = 64 * 1024
const OPEN_AT_ORIGIN = 250
const LOOK_MS = 10
const ATTACK_MS = 100
/** A busy machine delays everybody; an attack that does is one that does so each time. */
const TRIES = 3
/** Three times the idle value is too little to measure where that is below a millisecond. */
const LEAST_LIMIT_MS = 25
/** Threads that wait for a core delay everybody by as much. */
const limitMs = (idleMs: number): number =>
  Math.max(3 * idleMs, LEAST_LIMIT_MS * Math.max(1, loadavg()[0]! / availableParallelism()))

const FACES: readonly Face[] = ['edge', 'secured', 'keepalive', 'hasty', 'hasty_secured']
/** Envoy's values for an edge. */
const BUFFER = { per_connection_buffer_limit_bytes: 32_768 }
const HTTP2 = {
  max_concurrent_streams: 100,
  initial_stream_window_size: 65_536,
  initial_connection_window_size: 1_048_576,
}

function listeners(ports: Readonly<Record<Face, number>>, authority: TestAuthority): readonly object[] {
  const certificate = pair(authority.issue('a.test'))
  const tls = downstreamTls({ common_tls_context: { tls_certificates: [certificate], alpn_protocols: ['h2'] } })
  return Object.entries(ports).map(([face, port]) => {
    const patience = face.startsWith('hasty') ? { stream_idle_timeout: '0.5s' } : {}
    const keepalive = face === 'keepalive' ? { connection_keepalive: { interval: '0.1s', timeout: '0.1s' } } : {}
    const hcm = { stat_prefix: face, ...patience, http2_protocol_options: { ...HTTP2, ...keepalive } }
    const plain = httpListener({ port, hcm }) as { filter_chains: object[] }
    const socket = face.endsWith('secured') ? { transport_socket: tls } : {}
    return { ...plain, ...BUFFER, filter_chains: [{ ...plain.filter_chains[0], ...socket }] }
  })
}

describe('HTTP/2 attacks', { skip: process.platform !== 'linux' && 'reads memory from /proc' }, () => {
  const authority = new TestAuthority()
  let proxy: ProxyProcess
  let origin: Origin
  let attacker: Worker
  let ports: Readonly<Record<Face, number>>
  let idle: Experience

  before(async () => {
    origin = await Origin.start()
    const free = await freePorts(FACES.length)
    ports = Object.fromEntries(FACES.map((face, i) => [face, free[i]!])) as Record<Face, number>
    proxy = await ProxyProcess.start(
      bootstrap(listeners(ports, authority), [staticCluster('origin', origin.port, BUFFER)]),
    )
    attacker = new Worker(new URL('http2-attacks/attacker-thread.ts', import.meta.url), {
      workerData: { ports, adminAddress: proxy.adminAddress } satisfies AttackerData,
    })
    await experience(ports.edge, Promise.resolve())
    idle = await experience(ports.edge, Promise.resolve())
  })
  after(async () => {
    await attacker?.terminate()
    origin?.close()
    await proxy?.[Symbol.asyncDispose]()
    authority[Symbol.dispose]()
  })

  /** One attack and what came of it. */
  async function attack(index: number): Promise<Experience> {
    const before = proxy.residentKb
    let most = before
    const looking = setInterval(() => (most = Math.max(most, proxy.residentKb)), LOOK_MS)
    origin.startCounting()
    const reported = once(attacker, 'message') as Promise<[AttackReport]>
    attacker.postMessage({ index, forMs: ATTACK_MS } satisfies AttackOrder)
    const other = await experience(ports.edge, reported)
    clearInterval(looking)
    const [{ failure }] = await reported
    assert.equal(failure, null)
    assert.equal(other.failed, 0, `${other.failed} of ${other.done} requests of another client failed`)
    assert.ok(origin.mostOpen <= OPEN_AT_ORIGIN, `${origin.mostOpen} requests were open at the origin`)
    assert.ok(most - before < RSS_LIMIT_KB, `memory grew by ${most - before} kB`)
    return other
  }

  for (const [index, { row, name }] of [...FLOODS, ...MALFORMED].entries()) {
    it(`${row}: ${name}`, async () => {
      const slow: string[] = []
      for (let i = 0; i < TRIES; i++) {
        const { p99Ms } = await attack(index)
        if (p99Ms < limitMs(idle.p99Ms)) return
        // Perhaps the machine has become busy: what is idle now?
        idle = await experience(ports.edge, Promise.resolve())
        slow.push(`${p99Ms}, idle ${idle.p99Ms}`)
      }
      assert.fail(`another client's p99 in ms was ${slow.join('; ')}`)
    })
  }

  it('nothing is left behind', async () => {
    assert.deepEqual(await proxy.gaugesLeft(), [])
    assert.equal((await proxy.stats('worker_restarts')).get('server.worker_restarts'), 0)
  })
})
