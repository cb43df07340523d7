// No descriptor is left (D7): who is connected is served, nothing spins, a request that needs a connection is answered for what
// it is, and all is well again as soon as descriptors are.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
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

const noPrlimit = spawnSync('prlimit', ['--version']).error !== undefined && 'there is no prlimit here'
const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const WORKERS = 4
const LIMIT = 128
const CROWD = 300
const WATCHED_MS = 400
const MAX_BUSY = 0.5

/** CPU time of a process in milliseconds. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const GET_OTHER = 'GET /other HTTP/1.1\r\nhost: a\r\n\r\n'

async function ask(client: RawClient, path: string): Promise<string> {
  client.received = ''
  client.send(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`)
  return await client.until(text => /\r\n\r\n./s.test(text))
}

test('descriptors run out and come back', { skip: noPrlimit }, async t => {
  const origin = await ScriptedOrigin.start(answering(OK))
  t.after(() => origin.close())
  const [port] = (await freePorts(1)) as [number]
  const routes = [
    { match: { prefix: '/other' }, route: { cluster: 'other' } },
    { match: { prefix: '/' }, route: { cluster: 'origin' } },
  ]
  const hcm = { local_reply_config: { body_format: { text_format_source: { inline_string: '%RESPONSE_CAUSE%' } } } }
  const clusters = [staticCluster('origin', origin.port), staticCluster('other', origin.port)]
  await using proxy = await ProxyProcess.start(bootstrap([httpListener({ port, routes, hcm })], clusters), {
    concurrency: WORKERS,
    under: ['prlimit', `--nofile=${LIMIT}`],
  })
  const pid = proxy.process.pid!
  const kept = await Promise.all(Array.from({ length: 4 }, () => RawClient.connect(port)))
  for (const client of kept) assert.match(await ask(client, '/'), /200 OK/)

  const crowd = await Promise.all(Array.from({ length: CROWD }, () => RawClient.connect(port)))
  const turnedAway = () => crowd.filter(({ ended }) => ended).length
  const deadline = Date.now() + 5000
  const prefix = `listener.127.0.0.1_${port}.`
  const count = async (name: string): Promise<number> => (await proxy.stats(name)).get(prefix + name) ?? 0
  // Each of the crowd is let in or turned away, and it is known which.
  for (;;) {
    const open = await count('downstream_cx_active')
    if (open + turnedAway() === kept.length + CROWD) break
    assert.ok(Date.now() < deadline, `${open} open, ${turnedAway()} of ${CROWD} turned away`)
  }
  assert.ok(turnedAway() > CROWD / 2 && turnedAway() < CROWD, `${turnedAway()} of ${CROWD} turned away`)
  assert.equal(await count('downstream_global_cx_overflow'), turnedAway())
  const [startMs, startCpuMs] = [performance.now(), cpuMs(pid)]
  let answered = 0
  while (performance.now() - startMs < WATCHED_MS) {
    for (const client of kept) assert.match(await ask(client, '/'), /200 OK/)
    answered += kept.length
    await sleep(50)
  }
  const busy = (cpuMs(pid) - startCpuMs) / (performance.now() - startMs)
  t.diagnostic(`${answered} requests answered meanwhile, ${Math.round(100 * busy)} % of a core`)
  assert.ok(busy < MAX_BUSY, `${Math.round(100 * busy)} % of a core`)

  // Each of those who were let in would need a connection of its own to the origin, which does not answer.
  const inside = crowd.filter(({ ended }) => !ended)
  origin.script = connection => void connection
  for (const client of inside) client.send(GET_OTHER)
  while (!inside.some(({ received }) => received.includes('EMFILE'))) {
    assert.ok(Date.now() < deadline + 5000, 'nobody is told why')
    await sleep(5)
  }
  for (const { received } of inside) assert.match(received, /^$|^HTTP\/1\.1 503 .*EMFILE/s)
  origin.script = answering(OK)
  for (const client of crowd) client.close()
  const deadlineOfReturn = Date.now() + 5000
  for (;;) {
    using late = await RawClient.connect(port)
    if (/200 OK/.test(await ask(late, '/other'))) break
    assert.ok(Date.now() < deadlineOfReturn, 'descriptors are free, and nobody is let in')
  }
  for (const client of kept) assert.match(await ask(client, '/other'), /200 OK/)
  for (const client of kept) client.close()
  assert.deepEqual(await proxy.gaugesLeft(), [])
})
