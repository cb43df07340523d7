// `outrider ratelimit` beside envoyproxy/ratelimit: the same configuration, the same Redis, the same load (h2load).
// RATELIMIT_SERVICE names the other's binary; without it only our rows are printed.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageCodec } from '../src/config/index.ts'
import { grpcFrame } from '../src/http/index.ts'
import { cpuMs, residentMiB } from './process-cost.ts'

const [REDIS, GRPC, HTTP, DEBUG] = [17_379, 17_081, 17_080, 17_070]
const SECONDS = 4
/** Calls per second of the latency rows, for all alike: well below what the slowest can do. */
const RATES = [1000, 4000]
const PATH = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit'
const CONFIG = `domain: shop
descriptors:
  - key: path
    value: /cart
    descriptors:
      - {key: client, rate_limit: {unit: minute, requests_per_unit: 4000000000}}
  - {key: client, rate_limit: {unit: hour, requests_per_unit: 4000000000}}
`
const QUESTION = {
  domain: 'shop',
  descriptors: [
    {
      entries: [
        { key: 'path', value: '/cart' },
        { key: 'client', value: 'c-10.21.7.1' },
      ],
    },
    { entries: [{ key: 'client', value: 'c-10.21.7.1' }] },
  ],
}

interface Contender {
  readonly name: string
  readonly command: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

const folder = mkdtempSync(join(tmpdir(), 'bench-ratelimit-'))
const root = join(import.meta.dirname, '..')
mkdirSync(join(folder, 'config'))
writeFileSync(join(folder, 'config', 'shop.yaml'), CONFIG)
const body = join(folder, 'question')
writeFileSync(body, grpcFrame(messageCodec('envoy.service.ratelimit.v3.RateLimitRequest').encode(QUESTION)))

const ports = ['--listen', `127.0.0.1:${GRPC}`, '--http', `127.0.0.1:${HTTP}`]
const ours = [process.execPath, join(root, 'src', 'main.ts'), 'ratelimit', '--config', join(folder, 'config'), ...ports]
const theirs = process.env['RATELIMIT_SERVICE']
const CONTENDERS: readonly Contender[] = [
  { name: 'outrider, memory', command: ours, env: {} },
  {
    name: 'the same behind grpc-js',
    command: [
      process.execPath,
      join(import.meta.dirname, 'rate-limit-grpc-js.ts'),
      join(folder, 'config'),
      `127.0.0.1:${GRPC}`,
    ],
    env: {},
  },
  { name: 'outrider, Redis', command: [...ours, '--redis', `127.0.0.1:${REDIS}`], env: {} },
  {
    name: 'outrider, Redis, sliding',
    command: [...ours, '--redis', `127.0.0.1:${REDIS}`, '--window', 'sliding'],
    env: {},
  },
  ...(theirs === undefined
    ? []
    : [
        { name: 'envoyproxy/ratelimit, Redis', command: [theirs], env: theirEnvironment('0') },
        { name: 'the same, pipeline window', command: [theirs], env: theirEnvironment('150us') },
      ]),
]

function theirEnvironment(pipelineWindow: string): NodeJS.ProcessEnv {
  return {
    RUNTIME_ROOT: folder,
    RUNTIME_WATCH_ROOT: 'false',
    RUNTIME_SUBDIRECTORY: '',
    GRPC_PORT: String(GRPC),
    PORT: String(HTTP),
    DEBUG_PORT: String(DEBUG),
    REDIS_SOCKET_TYPE: 'tcp',
    REDIS_URL: `127.0.0.1:${REDIS}`,
    // Waits so long for further commands to go out in the same write.
    REDIS_PIPELINE_WINDOW: pipelineWindow,
    // In its favour: without a sink it would log every timer.
    DISABLE_STATS: 'true',
    LOG_LEVEL: 'error',
  }
}

const only = process.argv.slice(2)

async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const open = await new Promise<boolean>(resolve => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  throw new Error(`nobody listens on ${port}`)
}

/** `cores`: where it may run; '' anywhere. */
function start(cores: string, command: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const words = cores === '' ? command : ['taskset', '-c', cores, ...command]
  return spawn(words[0]!, words.slice(1), {
    env: { PATH: process.env['PATH'], ...env },
    stdio: 'ignore',
  })
}

async function stop(child: ChildProcess): Promise<void> {
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

const load = (cores: string, ...args: readonly string[]): string => {
  const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers']
  const words = ['-c', cores, 'h2load', ...args, '-d', body, ...headers, `http://127.0.0.1:${GRPC}${PATH}`]
  const { stdout, status } = spawnSync('taskset', words, { encoding: 'utf8' })
  if (status !== 0 || !/ 0 failed, 0 errored/.test(stdout)) throw new Error(`h2load: ${stdout}`)
  return stdout
}

const rate = (output: string): number => Number(/finished in .*?, ([\d.]+) req\/s/.exec(output)![1])

async function throughput(contender: Contender): Promise<void> {
  const server = start('0', contender.command, contender.env)
  await listening(GRPC)
  const shape = ['-c8', '-m32']
  const warm = rate(load('1', ...shape, '-n', '40000'))
  const count = Math.ceil((warm * SECONDS) / 256) * 256
  const before = cpuMs(server.pid!)
  const speed = rate(load('1', ...shape, '-n', String(count)))
  const cpu = cpuMs(server.pid!) - before
  const resident = residentMiB(server.pid!)
  await stop(server)
  const cost = ((cpu * 1000) / count).toFixed(1).padStart(6)
  const perCpu = Math.round((count / cpu) * 1000)
  console.log(
    `${contender.name.padEnd(28)} ${String(Math.round(speed)).padStart(7)}/s ${cost} us CPU each, ${String(perCpu).padStart(7)} per CPU second, ${resident.toFixed(0)} MiB`,
  )
}

async function latency(contender: Contender): Promise<void> {
  const server = start('', contender.command, contender.env)
  await listening(GRPC)
  load('0,1', '-c8', '-m32', '-n', '40000')
  for (const wanted of RATES) {
    const file = join(folder, 'times')
    load('0,1', '-c8', '-m4', '-n', String(wanted * SECONDS), `--rps=${wanted / 8}`, `--log-file=${file}`)
    const times = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map(line => Number(line.split('\t')[2]))
    const sorted = times.toSorted((a, b) => a - b)
    const at = (share: number): string => (sorted[Math.floor(sorted.length * share)]! / 1000).toFixed(2)
    console.log(
      `${contender.name.padEnd(28)} at ${wanted}/s: p50 ${at(0.5)} p90 ${at(0.9)} p99 ${at(0.99)} p99.9 ${at(0.999)} ms`,
    )
    rmSync(file)
  }
  await stop(server)
}

const redis = start('1', [
  'redis-server',
  '--port',
  String(REDIS),
  '--save',
  '',
  '--appendonly',
  'no',
  '--loglevel',
  'warning',
])
try {
  await listening(REDIS)
  const chosen = CONTENDERS.filter(({ name }) => only.length === 0 || only.some(word => name.includes(word)))
  for (const contender of chosen) await throughput(contender)
  for (const contender of chosen) await latency(contender)
} finally {
  await stop(redis)
  rmSync(folder, { recursive: true })
}
