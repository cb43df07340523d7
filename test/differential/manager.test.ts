// What a connection manager does by the clock. PROXY_UNDER_TEST holds the same against a real Envoy.
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  bootstrap,
  freePorts,
  httpListener,
  ProxyProcess,
  parseResponses,
  RawClient,
  ScriptedOrigin,
  staticCluster,
} from '../harness/index.ts'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'
const GET = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
const NAMES = ['periodic', 'brief', 'safe'] as const
type Name = (typeof NAMES)[number]

let folder: string
let origin: ScriptedOrigin
let proxy: ProxyProcess
let ports: readonly number[]
/** Requests that wait for their answer, in the order in which they came. */
const waiting: (() => void)[] = []
const portOf = (name: Name): number => ports[NAMES.indexOf(name)]!

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'manager-'))
  origin = await ScriptedOrigin.start(({ socket }) => {
    waiting.push(() => socket.write(OK))
  })
  ports = await freePorts(NAMES.length)
  const log = {
    name: 'file',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog',
      path: join(folder, 'log'),
      log_format: { text_format_source: { inline_string: '%ACCESS_LOG_TYPE% %RESPONSE_CODE%\n' } },
    },
  }
  const brief = {
    drain_timeout: '0.2s',
    drain_timeout_jitter: { value: 50 },
    common_http_protocol_options: { max_connection_duration: '0.3s', max_connection_duration_jitter: { value: 50 } },
  }
  const managers: Record<Name, object> = {
    periodic: {
      access_log: [log],
      access_log_options: { access_log_flush_interval: '0.1s', flush_access_log_on_new_request: true },
    },
    brief,
    safe: { ...brief, http1_safe_max_connection_duration: true },
  }
  const listeners = NAMES.map(name =>
    httpListener({ port: portOf(name), hcm: { ...managers[name], stat_prefix: name } }),
  )
  proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('origin', origin.port)]))
})

after(async () => {
  await proxy?.stop()
  await origin?.close()
  await rm(folder, { recursive: true, force: true })
})

test('a request under way is logged again and again', async () => {
  using client = await RawClient.connect(portOf('periodic'))
  client.send(GET)
  const lines = async (): Promise<readonly string[]> => {
    await proxy.admin('/reopen_logs', { method: 'POST' })
    return (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n')
  }
  const deadline = performance.now() + 3000
  while ((await lines()).length < 4 && performance.now() < deadline);
  waiting.pop()!()
  await client.until(text => text.endsWith('ok'))
  while (!(await lines()).includes('DownstreamEnd 200') && performance.now() < deadline);
  const [first, ...rest] = await lines()
  assert.equal(first, 'DownstreamStart 0')
  assert.equal(rest.pop(), 'DownstreamEnd 200')
  assert.ok(rest.length >= 3, `${rest.length} lines`)
  assert.deepEqual(new Set(rest), new Set(['DownstreamPeriodic 0']))
})

async function answerNext(): Promise<void> {
  while (waiting.length === 0) await new Promise(resolve => setImmediate(resolve))
  waiting.pop()!()
}

/** Sends one request, and tells how long the connection then lived; null: longer than anybody would wait. */
async function lifeMs(name: Name): Promise<number | null> {
  using client = await RawClient.connect(portOf(name))
  const startMs = performance.now()
  client.send(GET)
  await answerNext()
  await client.until(text => text.endsWith('ok'))
  const given = AbortSignal.timeout(2500)
  while (!client.ended && !given.aborted) await new Promise(resolve => setImmediate(resolve))
  if (client.ended) return performance.now() - startMs
  client.send(GET)
  await answerNext()
  await client.until(text => parseResponses(text, ['GET', 'GET']).length === 2)
  const last = parseResponses(client.received, ['GET', 'GET'])[1]!
  assert.equal(last.headers.find(([header]) => header === 'connection')?.[1], 'close')
  await client.untilEnd()
  return null
}

test('a connection of HTTP/1 ends behind its time', async () => {
  const ms = await lifeMs('brief')
  // 0.3 to 0.45 s, 0.2 to 0.3 s of draining, and a second for the client to close.
  assert.ok(ms !== null && ms >= 450 && ms < 2600, `after ${ms} ms`)
  await proxy.untilStat('http.brief.downstream_cx_max_duration_reached', 1)
})

test('or with its next response where that is asked for', async () => {
  assert.equal(await lifeMs('safe'), null)
  await proxy.untilStat('http.safe.downstream_cx_max_duration_reached', 1)
})
