// How much memory and CPU time the proxy spends for what an attacker spends (D12): Envoy calls a hundred times too much.
// PROBE_MS: CPU time of the attacker for each attack. PROBE: only attacks whose row and name contain it.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../harness/index.ts'
import { PROBES, type Probe } from './amplification/probes.ts'

const PROBE_MS = Number(process.env['PROBE_MS'] ?? 100)
/** Where the attacker does not come to spend that, because the machine is busy or because it mostly waits. */
const PROBE_AT_MOST_MS = 10_000
const ONLY = process.env['PROBE'] ?? ''
const LANES = 16
/** Connections that one lane holds open at most. */
const HELD = 16
const LIMIT = 100
/** What the proxy's heap breathes by, whatever is asked of it. */
const NOISE_KB = 96 * 1024
/** However much is sent. */
const MOST_KB = 192 * 1024
const SAMPLE_MS = 20
/** A write that is not taken is looked at again. */
const PATIENCE_MS = 500
const TICK_MS = 10

const BODY = 'b'.repeat(4000)
const regex = { name: 'slow', string_match: { safe_regex: { regex: '(a+)+$' } } }
const ROUTES = [
  { match: { path: '/direct', headers: [regex] }, direct_response: { status: 418 } },
  {
    match: { path: '/direct', query_parameters: [{ name: 'z', present_match: true }] },
    direct_response: { status: 418 },
  },
  {
    match: { path: '/direct', cookies: [{ name: 'z', string_match: { exact: '1' } }] },
    direct_response: { status: 418 },
  },
  { match: { path: '/direct' }, direct_response: { status: 200, body: { inline_string: BODY } } },
  { match: { prefix: '/' }, route: { cluster: 'origin' } },
]
/** The values for an edge. */
const HCM = {
  normalize_path: true,
  merge_slashes: true,
  use_remote_address: true,
  request_headers_timeout: '10s',
  http2_protocol_options: {
    max_concurrent_streams: 100,
    initial_stream_window_size: 65_536,
    initial_connection_window_size: 1_048_576,
  },
}

interface Spent {
  readonly inKb: number
  readonly connections: number
  readonly growthKb: number
  readonly attackerMs: number
  readonly proxyMs: number
}

/** Many connections at once, each made anew when it is closed or has been held for long enough. */
class Attack {
  bytes = 0
  connections = 0
  private readonly open = new Set<Socket>()
  private readonly probe: Probe
  private readonly port: number
  private running = true

  constructor(probe: Probe, port: number) {
    this.probe = probe
    this.port = port
  }

  async run(): Promise<void> {
    await Promise.all(Array.from({ length: LANES }, () => this.lane()))
  }

  stop(): void {
    this.running = false
    for (const socket of this.open) socket.destroy()
  }

  private async lane(): Promise<void> {
    const held: Socket[] = []
    while (this.running) {
      const socket = connect(this.port, '127.0.0.1')
      this.open.add(socket)
      this.connections++
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        this.bytes += socket.bytesWritten
        this.open.delete(socket)
      })
      if (!this.probe.deaf) socket.resume()
      await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => undefined)
      if (!(await this.rounds(socket))) continue
      held.push(socket)
      if (held.length > HELD) held.shift()!.destroy()
      await sleep(5)
    }
  }

  /** True: all is sent, and the connection is still there. */
  private async rounds(socket: Socket): Promise<boolean> {
    for (let n = 0; this.running && !socket.destroyed && socket.writable; n++) {
      const bytes = this.probe.round(n)
      if (bytes === null) return true
      if (bytes.length > 0 && !socket.write(bytes))
        await Promise.race([once(socket, 'drain'), once(socket, 'close'), sleep(PATIENCE_MS)]).catch(() => undefined)
      else await new Promise(resolve => setImmediate(resolve))
    }
    socket.destroy()
    return false
  }
}

describe(`amplification, ${PROBE_MS} ms each`, { skip: process.platform !== 'linux' && 'reads /proc' }, () => {
  let proxy: ProxyProcess
  let port = 0
  const origin = new Worker(new URL('amplification/origin-thread.ts', import.meta.url))

  before(async () => {
    const [originPort] = (await once(origin, 'message')) as [number]
    ;[port] = (await freePorts(1)) as [number]
    const listener = { ...httpListener({ port, hcm: HCM, routes: ROUTES }), per_connection_buffer_limit_bytes: 32_768 }
    const cluster = staticCluster('origin', originPort, { per_connection_buffer_limit_bytes: 32_768 })
    proxy = await ProxyProcess.start(bootstrap([listener], [cluster]))
  })
  after(async () => {
    await proxy?.stop()
    await origin.terminate()
  })

  const cpuMs = (): number => {
    const fields = readFileSync(`/proc/${proxy.process.pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  }

  async function probed(probe: Probe): Promise<Spent> {
    const attack = new Attack(probe, port)
    const [beforeKb, beforeCpuMs, own] = [proxy.residentKb, cpuMs(), process.threadCpuUsage()]
    const spentMs = (): number => {
      const { user, system } = process.threadCpuUsage(own)
      return (user + system) / 1000
    }
    const deadline = performance.now() + PROBE_AT_MOST_MS
    let peakKb = beforeKb
    const over = attack.run()
    while (spentMs() < PROBE_MS && performance.now() < deadline) {
      await sleep(SAMPLE_MS)
      peakKb = Math.max(peakKb, proxy.residentKb)
    }
    const [attackerMs, proxyMs] = [spentMs(), cpuMs() - beforeCpuMs]
    attack.stop()
    await over
    await sleep(SAMPLE_MS)
    const { bytes, connections } = attack
    return { inKb: Math.ceil(bytes / 1024), connections, growthKb: peakKb - beforeKb, attackerMs, proxyMs }
  }

  test('nothing in particular, so that the heap takes its size', async () => {
    await probed(PROBES.find(({ row }) => row === 'D6')!)
    await probed(PROBES.find(({ row }) => row === 'C1')!)
  })

  for (const probe of PROBES.filter(({ row, name }) => `${row} ${name}`.includes(ONLY))) {
    test(`${probe.row}: ${probe.name}`, async t => {
      const { inKb, connections, growthKb, attackerMs, proxyMs } = await probed(probe)
      const cpu = proxyMs / attackerMs
      t.diagnostic(
        `${inKb} KiB in over ${connections} connections; ${growthKb} KiB more; CPU ${proxyMs} ms for ${Math.round(attackerMs)} ms: ${cpu.toFixed(1)}`,
      )
      assert.ok(growthKb < Math.max(NOISE_KB, LIMIT * inKb), `${growthKb} KiB for ${inKb}`)
      assert.ok(growthKb < MOST_KB, `${growthKb} KiB more`)
      assert.ok(cpu < LIMIT, `${cpu} times the CPU time`)
    })
  }

  test('nothing is left', async () => {
    // What clients that are gone had sent is still in the kernels, and is delivered in its time.
    const deadline = performance.now() + 30_000
    while ((await proxy.gaugesLeft()).length > 0 && performance.now() < deadline);
    assert.deepEqual(await proxy.gaugesLeft(), [])
  })
})
