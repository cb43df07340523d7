import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { INSTALLATION } from '../../base/index.ts'
import { writeCertificates } from './certificates.ts'
import { getText } from './hops.ts'
import { ServiceProcess } from './service-process.ts'

const ROOT = fileURLToPath(INSTALLATION)
const LAUNCHER = join(ROOT, 'bin', 'outrider')
const MESH = join(ROOT, 'examples', 'mesh')
const READY_TIMEOUT_MS = 15_000
const POLL_MS = 50

export const EDGE = { name: 'edge', port: 10_000, adminPort: 9901 } as const
/** As the bootstraps under examples/mesh/ have them. */
export const SERVICES = [
  { name: 'frontend', ports: [10_021], egressPort: 10_011, adminPort: 9911 },
  { name: 'catalog', ports: [10_022, 10_032, 10_042], egressPort: 10_012, adminPort: 9912 },
  { name: 'reviews', ports: [10_023], egressPort: 10_013, adminPort: 9913 },
] as const

/** The demo's processes: services, a sidecar each, and the edge. */
export class Mesh {
  private readonly portOffset: number
  readonly services: ServiceProcess[] = []
  private readonly sidecars: ChildProcess[] = []
  private edge: ChildProcess | null = null
  private readonly fail: (problem: string) => void
  /** Resolves with the reason when a process ends that should not. */
  readonly failed: Promise<string>
  private stopping = false
  /** Where the proxies run: their bootstraps name certs/ in it. */
  private readonly folder = mkdtempSync(join(tmpdir(), 'outrider-demo-'))

  constructor(portOffset: number) {
    this.portOffset = portOffset
    const { promise, resolve } = Promise.withResolvers<string>()
    this.failed = promise
    this.fail = resolve
    process.on('exit', () => this.kill())
  }

  /** Starts everything; resolves when the edge serves, rejects when that takes too long. */
  async start(): Promise<void> {
    writeCertificates(
      join(this.folder, 'certs'),
      [EDGE, ...SERVICES].map(({ name }) => name),
    )
    for (const service of SERVICES) this.startService(service)
    for (const { name } of SERVICES) this.sidecars.push(this.startProxy(name))
    this.edge = this.startProxy(EDGE.name)
    const admins = [EDGE, ...SERVICES].map(({ adminPort }) => adminPort + this.portOffset)
    const services = this.services.map(({ port }) => untilListening(port))
    const ready = Promise.all([...services, ...admins.map(port => this.untilReady(port))])
    const problem = await Promise.race([ready.then(() => null), this.failed])
    if (problem !== null) throw new Error(problem)
  }

  private startService({ name, ports, egressPort }: (typeof SERVICES)[number]): void {
    const script = join(MESH, 'services', `${name}.mjs`)
    const environment = { EGRESS_PORT: String(egressPort + this.portOffset) }
    ports.forEach((port, index) => {
      const label = ports.length === 1 ? name : `${name}-${index + 1}`
      const onFailure = (problem: string) => {
        if (!this.stopping) this.fail(problem)
      }
      this.services.push(new ServiceProcess(label, port + this.portOffset, script, environment, onFailure))
    })
  }

  private startProxy(name: string): ChildProcess {
    const bootstrap = readFileSync(join(MESH, `${name}.yaml`), 'utf8')
    const moved = bootstrap.replace(/port_value: (\d+)/g, (_, port) => `port_value: ${Number(port) + this.portOffset}`)
    const flags = ['--concurrency', '1', '-l', 'warning', '--drain-time-s', '2', '--drain-delay', '0.2s']
    return this.watch(
      `outrider ${name}`,
      spawn(process.execPath, [LAUNCHER, '--config-yaml', moved, ...flags], {
        cwd: this.folder,
        detached: true,
        stdio: ['ignore', 'ignore', 'inherit'],
      }),
    )
  }

  private watch(what: string, child: ChildProcess): ChildProcess {
    child.on('error', error => this.fail(`${what}: ${error.message}`))
    child.on('exit', (code, signal) => {
      if (!this.stopping) this.fail(`${what} ended with ${signal ?? `code ${code}`}`)
    })
    return child
  }

  private async untilReady(adminPort: number): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS
    for (;;) {
      const state = await getText(adminPort, '/ready').catch((error: Error) => error.message)
      if (state.startsWith('LIVE')) return
      if (performance.now() > deadline) throw new Error(`the proxy on admin port ${adminPort} is not ready: ${state}`)
      await delay(POLL_MS)
    }
  }

  /** Ends all in the order of the traffic, each when the one before is gone; true when all ended cleanly. */
  async stop(): Promise<boolean> {
    this.stopping = true
    const edge = this.edge === null ? [] : [this.edge]
    let clean = true
    for (const group of [edge, this.sidecars]) {
      const codes = await Promise.all(group.map(end))
      clean &&= codes.every(code => code === 0)
    }
    const ended = await Promise.all(this.services.map(service => service.stop()))
    clean &&= ended.every(well => well)
    rmSync(this.folder, { recursive: true, force: true })
    return clean
  }

  private kill(): void {
    rmSync(this.folder, { recursive: true, force: true })
    for (const child of [this.edge, ...this.sidecars]) {
      if (child !== null && isRunning(child)) child.kill('SIGKILL')
    }
    for (const service of this.services) service.kill()
  }
}

/** Resolves when somebody listens on `port`, or rejects when that takes too long. */
async function untilListening(port: number): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS
  for (;;) {
    const socket = connect(port, '127.0.0.1')
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    )
    socket.destroy()
    if (open) return
    if (performance.now() > deadline) throw new Error(`nobody listens on port ${port}`)
    await delay(POLL_MS)
  }
}

const isRunning = (child: ChildProcess): boolean => child.exitCode === null && child.signalCode === null

async function end(child: ChildProcess): Promise<number | null> {
  if (isRunning(child)) {
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    await exited
  }
  return child.exitCode
}
