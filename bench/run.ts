// npm run bench: Outrider beside Envoy, nginx and HAProxy on the same work, in one run.
//
// The proxy is pinned to core 0, load and origin to core 1. The figure is the CPU time of the proxy's whole process tree
// per request (for bodies: MiB per CPU second), medians of interleaved repetitions, so that drift hits all alike.
// Nothing else may run meanwhile. usage: npm run bench -- [--work small,h2-h1,...] [--reps 3] [--secs 3]
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { findPeers, h2Origin, type Peer, writeOrigin } from './peers.ts'
import { ports } from './ports.ts'
import { cpuMs, residentMiB } from './process-cost.ts'
import { countRequests, type Work, works } from './works.ts'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values } = parseArgs({
  options: {
    work: { type: 'string' },
    reps: { type: 'string', default: '3' },
    secs: { type: 'string', default: '3' },
    write: { type: 'boolean', default: false },
  },
})
const reps = Number(values.reps)
const seconds = Number(values.secs)

const installed = (command: string): boolean => spawnSync(command, ['-v'], { stdio: 'ignore' }).error === undefined

const start = (core: string, command: readonly string[]): ChildProcess =>
  spawn('taskset', ['-c', core, ...command], { stdio: 'ignore' })

async function stop(process: ChildProcess): Promise<void> {
  if (process.exitCode !== null || process.signalCode !== null) return
  const gone = new Promise(resolve => process.once('exit', resolve))
  process.kill('SIGTERM')
  const force = setTimeout(() => process.kill('SIGKILL'), 5000)
  await gone
  clearTimeout(force)
}

async function listening(port: number): Promise<void> {
  const deadline = performance.now() + 20000
  for (;;) {
    const up = await new Promise<boolean>(resolve => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (up) return
    if (performance.now() > deadline) throw new Error(`nothing listens on port ${port}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

interface Sample {
  readonly figure: number
  readonly residentMiB: number
}

async function measure(peer: Peer, work: Work): Promise<Sample> {
  const proxy = start('0', peer.command)
  try {
    await listening(ports[work.service])
    const load = (duration: number): string =>
      spawnSync('taskset', ['-c', '1', ...work.command(duration)], { encoding: 'utf8' }).stdout
    load(1)
    const before = cpuMs(proxy.pid as number)
    const output = load(seconds)
    const spentMs = cpuMs(proxy.pid as number) - before
    const requests = countRequests(output)
    if (requests === null) throw new Error(`${peer.name}, ${work.name}: ${output}`)
    const figure = work.unit === 'us' ? (spentMs * 1000) / requests : requests / (spentMs / 1000)
    return { figure, residentMiB: residentMiB(proxy.pid as number) }
  } finally {
    await stop(proxy)
  }
}

const median = (numbers: readonly number[]): number =>
  [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN

async function main(): Promise<void> {
  for (const tool of ['wrk', 'h2load', 'nghttpd', 'nginx', 'openssl', 'taskset']) {
    if (!installed(tool)) {
      console.log(`skipped: the bench needs ${tool} (Debian: apt-get install wrk nghttp2 nginx openssl util-linux)`)
      return
    }
  }
  const folder = mkdtempSync(join(tmpdir(), 'outrider-bench-'))
  // The origin's worker may run as another user.
  chmodSync(folder, 0o755)
  const { peers, absent } = findPeers(folder, ports, join(root, 'bin', 'outrider'))
  for (const name of absent) console.log(`skipped: ${name} is not installed`)
  const origins = [
    start('1', ['nginx', '-e', '/dev/null', '-c', writeOrigin(folder, ports)]),
    start('1', h2Origin(folder, ports)),
  ]
  const lines = [
    `| work | unit | ${peers.map(peer => `${peer.name} ${peer.version}`).join(' | ')} |`,
    `|---|---|${peers.map(() => '---').join('|')}|`,
  ]
  try {
    await listening(ports.origin)
    await listening(ports.h2Origin)
    for (const work of works.filter(each => values.work === undefined || values.work.split(',').includes(each.name))) {
      const samples = new Map<Peer, Sample[]>()
      for (let rep = 0; rep < reps; rep++) {
        for (const peer of peers) {
          if (peer.lacks.includes(work.service)) continue
          samples.set(peer, [...(samples.get(peer) ?? []), await measure(peer, work)])
        }
      }
      const cells = peers.map(peer => {
        const own = samples.get(peer)
        return own === undefined
          ? '-'
          : `${median(own.map(sample => sample.figure)).toFixed(work.unit === 'us' ? 1 : 0)} (${Math.round(median(own.map(sample => sample.residentMiB)))} MiB)`
      })
      lines.push(`| ${work.title} | ${work.unit} | ${cells.join(' | ')} |`)
      console.log(lines.at(-1))
    }
  } finally {
    for (const origin of origins) await stop(origin)
    rmSync(folder, { recursive: true, force: true })
  }
  console.log(`\n${lines.join('\n')}`)
  if (values.write) writeResults(lines)
}

function writeResults(lines: readonly string[]): void {
  const model = /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor'
  writeFileSync(
    join(root, 'bench', 'RESULTS.md'),
    `# Bench results

Made by \`npm run bench -- --write\` on ${cpus().length} cores of ${model}, Node ${process.versions.node}, ${new Date().toISOString().slice(0, 10)}.
One worker each, the proxy pinned to one core, load (wrk, h2load) and origins (nginx, nghttpd) to the other; medians of ${reps} interleaved
repetitions of ${seconds} s. \`us\`: CPU microseconds of the whole process tree per request, less is better; \`MiB/s\`: MiB
per CPU second, more is better; in brackets resident memory under this load. Compare the columns of one table, never two
tables.

${lines.join('\n')}
`,
  )
}

await main()
