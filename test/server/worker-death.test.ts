// The built proxy with two workers, one of which dies in several ways under load. What no process survives, such as
// abort() or the kernel's OOM killer, takes the workers together: whoever started the proxy starts it again.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  answering,
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  RawClient,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const CLIENTS = 16
const CLUSTERS = 1000
/** What a successor costs until it serves; 70 ms, and a machine that is busy with other tests makes it more. */
const BUDGET_MS = 700
/** Small, so that a heap is soon full. */
const HEAP_MB = 128

describe('a worker dies', {
  skip: process.platform !== 'linux' && 'the door to the worker is an abstract socket',
}, () => {
  const door = `mortal-${process.pid}`
  let origin: ScriptedOrigin
  let proxy: ProxyProcess
  let port = 0

  before(async () => {
    origin = await ScriptedOrigin.start(answering(OK))
    ;[port] = (await freePorts(1)) as [number]
    const preload = fileURLToPath(new URL('../harness/mortal-worker.ts', import.meta.url))
    const others = Array.from({ length: CLUSTERS }, (_, i) => staticCluster(`other_${i}`, origin.port))
    proxy = await ProxyProcess.start(
      bootstrap([httpListener({ port })], [staticCluster('origin', origin.port), ...others]),
      {
        concurrency: 2,
        under: ['env', `NODE_OPTIONS=--import=${preload} --max-old-space-size=${HEAP_MB}`, `MORTAL_WORKER=${door}`],
      },
    )
  })
  after(async () => {
    await proxy.stop()
    await origin.close()
  })

  /** A word to worker 1; its answer, '' when it dies over it. */
  async function say(word: string): Promise<string> {
    const socket = connect(`\0${door}`)
    let answer = ''
    socket.on('data', piece => (answer += piece)).on('error', () => {})
    socket.write(word)
    await once(socket, 'close')
    return answer
  }

  const connectionsOf = async (worker: number): Promise<number> =>
    (await proxy.stats(`listener.127.0.0.1_${port}.worker_${worker}.downstream_cx_total`)).values().next().value ?? 0

  /** Opens connections until a worker has got one more, and is answered on each. */
  async function untilServed(worker: number, before: number): Promise<void> {
    while ((await connectionsOf(worker)) <= before) {
      using client = await RawClient.connect(port)
      client.send(GET)
      await client.until(text => text.endsWith('ok'))
    }
  }

  /** Asks until `done`, or until it is cut: how often it was answered. */
  async function ask(client: RawClient, done: () => boolean): Promise<number> {
    for (let answers = 0; ; answers++) {
      if (done()) return answers
      client.received = ''
      client.send(GET)
      await client.until(text => text.endsWith('ok'))
      if (client.ended) return answers
    }
  }

  for (const [restarts, way] of ['exception', 'rejection', 'exit', 'heap'].entries()) {
    test(`by ${way}: another takes its place, the other worker's clients notice nothing`, async t => {
      await untilServed(0, await connectionsOf(0))
      await untilServed(1, await connectionsOf(1))
      const before = await connectionsOf(1)
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.connect(port)))
      const onIt = (await connectionsOf(1)) - before
      let replaced = false
      const load = clients.map(client => ask(client, () => replaced))
      const served = await connectionsOf(1)
      const startMs = performance.now()
      await say(way)
      const diedMs = performance.now()
      await proxy.untilStat('server.worker_restarts', restarts + 1)
      await untilServed(1, served)
      const tookMs = performance.now() - diedMs
      replaced = true
      const answers = await Promise.all(load)
      const { user, system } = JSON.parse(await say('cpu')) as NodeJS.CpuUsage
      const cpuMs = (user + system) / 1000
      t.diagnostic(
        `died after ${Math.round(diedMs - startMs)} ms, replaced after ${Math.round(tookMs)} ms, of which ${Math.round(cpuMs)} ms of CPU`,
      )
      const cut = clients.filter(({ ended }) => ended).length
      assert.equal(cut, onIt, 'only its own clients are cut')
      assert.ok(clients.every((client, i) => client.ended || answers[i]! > 0))
      assert.equal(proxy.log.split('worker 1 ended unexpectedly, it is replaced').length, restarts + 2)
      assert.ok(cpuMs < BUDGET_MS, `${cpuMs} ms of CPU`)
      for (const client of clients) client.close()
    })
  }
})
