// The same questions to envoyproxy/ratelimit and to us, on one Redis: the same answers, the same keys. RATELIMIT_SERVICE names
// its binary.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { freePorts, RedisServer } from '../../harness/index.ts'
import { type Answer, descriptorOf, ServiceClient, ServiceProcess } from './service-process.ts'

const BINARY = process.env['RATELIMIT_SERVICE']
const CONFIG = `domain: shop
descriptors:
  - {key: a, rate_limit: {unit: day, requests_per_unit: 40}}
  - {key: a, value: one, rate_limit: {unit: hour, requests_per_unit: 25, name: one}}
  - key: a
    value: t*
    rate_limit: {unit: week, requests_per_unit: 30}
    descriptors:
      - {key: b, rate_limit: {unit: month, requests_per_unit: 20}, value_to_metric: true}
      - {key: b, value: x, rate_limit: {unit: year, requests_per_unit: 15}, shadow_mode: true}
      - {key: b, value: "y*", share_threshold: true, rate_limit: {unit: day, requests_per_unit: 15}}
  - {key: b, rate_limit: {unit: day, requests_per_unit: 10, replaces: [{name: one}]}, detailed_metric: true}
  - {key: c, rate_limit: {unlimited: true}}
  - {key: d, value: "10.0.0.*", rate_limit: {unit: day, requests_per_unit: 12}, detailed_metric: true}
  - {key: d, value: "1*0", rate_limit: {unit: day, requests_per_unit: 13}}
  - {key: q, rate_limit: {unit: day, requests_per_unit: 12}, quota_mode: true}
  - {key: q, value: two, rate_limit: {unit: day, requests_per_unit: 16}, quota_mode: true}
  - {key: zero, rate_limit: {unit: day, requests_per_unit: 0}}
`
const DESCRIPTORS = [
  'a=one',
  'a=two',
  'a=ten',
  'a=four',
  'a',
  'b=1',
  'c=1',
  'd=10.0.0.1',
  'd=10.0.0.2',
  'd=1xx0',
  'd=5',
]
const DEEP = [
  'a=two,b=x',
  'a=ten,b=x',
  'a=two,b=y1',
  'a=two,b=y2',
  'a=two,b=1',
  'a=one,b=1',
  'q=1',
  'q=two',
  'zero=1',
  'none=1',
]
const ALL = [...DESCRIPTORS, ...DEEP]

function random(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function question(pick: (below: number) => number): { readonly descriptors: readonly object[]; readonly hits: number } {
  const descriptors = Array.from({ length: 1 + pick(3) }, () => {
    const descriptor = descriptorOf(ALL[pick(ALL.length)]!)
    const own = pick(6) === 0 ? { hitsAddend: BigInt(pick(4)) } : {}
    const limit = pick(12) === 0 ? { limit: { requestsPerUnit: 5 + pick(2), unit: 4 } } : {}
    return { ...descriptor, ...own, ...limit }
  })
  return { descriptors, hits: pick(4) }
}

/** Answers as text, without what the clock may change between two calls. */
const comparable = (answer: Answer): string =>
  JSON.stringify(answer, (key, value) =>
    key === '$typeName' || key === 'durationUntilReset' ? undefined : typeof value === 'bigint' ? Number(value) : value,
  )

async function keys(port: number, prefix: string): Promise<readonly string[]> {
  const script = `local out = {} for _, key in ipairs(redis.call('KEYS', '${prefix}*')) do
    out[#out + 1] = string.sub(key, ${prefix.length + 1}) .. ' ' .. redis.call('GET', key) end
    table.sort(out) return table.concat(out, '\\n')`
  const socket = connect(port, '127.0.0.1')
  socket.write(`*3\r\n$4\r\nEVAL\r\n$${script.length}\r\n${script}\r\n$1\r\n0\r\n`)
  let text = ''
  do text += String((await once(socket, 'data'))[0])
  while (text.length < Number(/^\$(\d+)/.exec(text)![1]))
  socket.destroy()
  return text.split('\r\n')[1]!.split('\n')
}

/** What envoyproxy/ratelimit sends to statsd, summed up. */
class Statsd {
  readonly server = createServer(socket => {
    let held = ''
    socket.setEncoding('utf8').on('data', (piece: string) => {
      const lines = (held + piece).split('\n')
      held = lines.pop()!
      for (const line of lines) this.add(line)
    })
  })
  private readonly counters = new Map<string, number>()

  private add(line: string): void {
    const [, name, value] = /^([^:]+):(\d+)\|c/.exec(line) ?? []
    if (name !== undefined) this.counters.set(name, (this.counters.get(name) ?? 0) + Number(value))
  }

  lines(): readonly string[] {
    return interesting([...this.counters].map(([name, value]) => `${name}: ${value}`))
  }
}

/** Stats of limits that are not 0; of `unlimited`, only ours have any. */
const interesting = (lines: readonly string[]): readonly string[] =>
  lines.filter(line => /^ratelimit\.service\.rate_limit\..*: [1-9]/.test(line) && !/\.c\./.test(line)).toSorted()

test('answers, keys and stats are the same', { skip: BINARY === undefined, timeout: 60_000 }, async context => {
  const redis = await RedisServer.start()
  context.after(() => redis.kill())
  const root = mkdtempSync(join(tmpdir(), 'peer-'))
  context.after(() => rmSync(root, { recursive: true }))
  mkdirSync(join(root, 'config'))
  writeFileSync(join(root, 'config', 'shop.yaml'), CONFIG)
  const [port, http, debug, statsdPort] = await freePorts(4)
  const statsd = new Statsd()
  statsd.server.listen(statsdPort, '127.0.0.1').unref()
  const env = {
    RUNTIME_ROOT: root,
    RUNTIME_WATCH_ROOT: 'false',
    GRPC_PORT: String(port),
    PORT: String(http),
    DEBUG_PORT: String(debug),
    REDIS_SOCKET_TYPE: 'tcp',
    REDIS_URL: `127.0.0.1:${redis.port}`,
    CACHE_KEY_PREFIX: 'theirs:',
    LIMIT_RESPONSE_HEADERS_ENABLED: 'true',
    STATSD_HOST: '127.0.0.1',
    STATSD_PORT: String(statsdPort),
    GOSTATS_FLUSH_INTERVAL_SECONDS: '1',
    LOG_LEVEL: 'fatal',
  }
  const peer = spawn(BINARY!, [], { env, stdio: 'ignore' })
  context.after(() => peer.kill('SIGKILL'))
  const args = ['--redis', redis.url, '--key-prefix', 'ours:', '--response-headers']
  const service = await ServiceProcess.start({ 'shop.yaml': CONFIG }, args)
  context.after(() => service.stop())
  const ours = service.client()
  const theirs = new ServiceClient(`127.0.0.1:${port}`)
  context.after(() => [ours, theirs].map(client => client.close()))
  while ((await theirs.health('ratelimit')) !== 1);
  const pick = random(7)
  for (let i = 0; i < 1500; i++) {
    const { descriptors, hits } = question(pick)
    const [here, there] = await Promise.all([
      ours.ask('shop', descriptors, hits),
      theirs.ask('shop', descriptors, hits),
    ])
    const asked = JSON.stringify({ descriptors, hits }, (_, value) =>
      typeof value === 'bigint' ? Number(value) : value,
    )
    const reset = /("key":"RateLimit-Reset","value":")\d+/
    assert.equal(
      comparable(here).replace(reset, '$1'),
      comparable(there).replace(reset, '$1'),
      `question ${i}: ${asked}`,
    )
  }
  const found = await keys(redis.port, 'ours:')
  assert.ok(found.length > 15)
  assert.deepEqual(found, await keys(redis.port, 'theirs:'))
  const { body } = await service.page('/stats')
  const stats = interesting(body.split('\n'))
  const deadline = Date.now() + 15_000
  while (statsd.lines().join() !== stats.join() && Date.now() < deadline)
    await new Promise(resolve => setTimeout(resolve, 50))
  assert.deepEqual(stats, statsd.lines())
})
