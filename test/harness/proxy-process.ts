import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, watch } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Runs what is built of the sources, as users do. */
export const LAUNCHER = fileURLToPath(new URL('../../bin/outrider', import.meta.url))
const READY_TIMEOUT_MS = 15_000
const STAT_TIMEOUT_MS = 3000
const STOP_TIMEOUT_MS = 10_000
/** An admin interface that does not answer by then never will. */
const ADMIN_TIMEOUT_MS = 20_000
const LOG_TAIL = 4000

export interface ProxyOptions {
  /** Further command line arguments. */
  readonly args?: readonly string[]
  readonly concurrency?: number
  /** A program that runs it in its place, with its arguments, such as prlimit. */
  readonly under?: readonly string[]
  /** Stands in for PROXY_UNDER_TEST; null: this proxy, whatever that says. */
  readonly binary?: string | null
}

export interface ProxyExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/**
 * A proxy process, the real one. PROXY_UNDER_TEST names another binary that takes Envoy's flags, so that a test can be
 * held against a real Envoy.
 */
export class ProxyProcess {
  readonly process: ChildProcess
  /** 'host:port' of the admin interface. */
  readonly adminAddress: string
  private readonly folder: string
  private readonly output: string[]
  private readonly exited: Promise<ProxyExit>
  /** Rejects when it ends although nobody has asked for it: what waits for its answers need not wait any longer. */
  private readonly died: Promise<never>
  private endExpected = false

  private constructor(
    child: ChildProcess,
    adminAddress: string,
    folder: string,
    output: string[],
    exited: Promise<ProxyExit>,
  ) {
    this.process = child
    this.adminAddress = adminAddress
    this.folder = folder
    this.output = output
    this.exited = exited
    this.died = exited.then(({ code, signal }) => {
      throw new Error(`the proxy ended with ${signal ?? code}:\n${this.log.slice(-LOG_TAIL)}`)
    })
    // Who does not ask anything of it hears of its death from `stop`.
    this.died.catch(() => {
      if (!this.endExpected) console.error(`proxy ${child.pid} ended, and nobody had asked it to`)
    })
  }

  /** Starts a proxy on a bootstrap (its `admin` is added here) and waits until it is ready. */
  static async start(bootstrap: object, options: ProxyOptions = {}): Promise<ProxyProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'proxy-'))
    const config = join(folder, 'bootstrap.json')
    const addressFile = join(folder, 'admin-address')
    const admin = { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } }
    await writeFile(config, JSON.stringify({ admin, ...bootstrap }))
    const args = ['-c', config, '--admin-address-path', addressFile, '--concurrency', String(options.concurrency ?? 1)]
    // A test that is over waits for nobody; drain tests set their own times.
    args.push('--drain-time-s', '0')
    const binary = options.binary === undefined ? (process.env['PROXY_UNDER_TEST'] ?? null) : options.binary
    const command = [...(options.under ?? []), ...(binary === null ? [LAUNCHER] : [binary, '--disable-hot-restart'])]
    const child = spawn(command[0]!, [...command.slice(1), ...args, ...(options.args ?? [])], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output: string[] = []
    child.stdout!.setEncoding('utf8').on('data', text => output.push(text))
    child.stderr!.setEncoding('utf8').on('data', text => output.push(text))
    const exited = once(child, 'exit').then(([code, signal]): ProxyExit => ({ code, signal }))
    const proxy = exited.then(({ code }) => {
      throw new Error(`the proxy exited with ${code} before it was ready:\n${output.join('')}`)
    })
    try {
      const address = await Promise.race([adminAddress(folder, addressFile, exited), proxy])
      await Promise.race([ready(address), proxy])
      return new ProxyProcess(child, address, folder, output, exited)
    } catch (error) {
      child.kill('SIGKILL')
      await rm(folder, { recursive: true })
      throw new Error(`${(error as Error).message}\n${output.join('')}`, { cause: error })
    }
  }

  private get over(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  /** What it printed so far. */
  get log(): string {
    return this.output.join('')
  }

  /** Fails clearly where the proxy has died or does not answer. */
  admin(path: string, init: RequestInit = {}): Promise<Response> {
    const signal = AbortSignal.timeout(ADMIN_TIMEOUT_MS)
    const answer = fetch(`http://${this.adminAddress}${path}`, { signal, ...init })
    return this.endExpected ? answer : Promise.race([answer, this.died])
  }

  /** Counters and gauges whose name contains `filter`, by name. */
  async stats(filter: string): Promise<ReadonlyMap<string, number>> {
    const text = await (await this.admin(`/stats?filter=${encodeURIComponent(filter)}`)).text()
    const lines = text.split('\n').flatMap(line => {
      const [, name, value] = /^(.*): (-?\d+)$/.exec(line) ?? []
      return name === undefined ? [] : [[name, Number(value)] as const]
    })
    return new Map(lines)
  }

  /** Its resident memory in KiB; Linux only. */
  get residentKb(): number {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.process.pid}/status`, 'utf8'))?.[1])
  }

  /** Gauges of work under way that are not 0, those of the admin interface apart; waits a moment for them to become 0. */
  async gaugesLeft(): Promise<readonly string[]> {
    const deadline = performance.now() + STAT_TIMEOUT_MS
    for (;;) {
      const left = [...(await this.stats('(rq|cx|streams|upgrades)_active$|pending_(active|send_bytes)$'))]
        .filter(([name, value]) => value !== 0 && !/admin|upstream_cx_active|cluster.*cx_http\d_active/.test(name))
        .map(([name, value]) => `${name}: ${value}`)
      if (left.length === 0 || performance.now() > deadline) return left
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** Resolves once a counter or gauge has that value: what a worker has just counted takes a moment to be seen. */
  async untilStat(name: string, value: number): Promise<void> {
    const deadline = performance.now() + STAT_TIMEOUT_MS
    for (;;) {
      const found = (await this.stats(name)).get(name)
      if (found === value) return
      if (performance.now() > deadline) throw new Error(`${name} is ${found}, not ${value}`)
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** Sends a signal and waits for the end; a proxy that does not end in time, or has died before, is reported. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ProxyExit> {
    if (this.over && !this.endExpected) {
      await rm(this.folder, { recursive: true, force: true })
      await this.died
    }
    this.process.kill(signal)
    return await this.waitForExit()
  }

  async waitForExit(): Promise<ProxyExit> {
    this.endExpected = true
    const killer = setTimeout(() => this.process.kill('SIGKILL'), STOP_TIMEOUT_MS)
    const exit = await this.exited
    clearTimeout(killer)
    await rm(this.folder, { recursive: true, force: true })
    if (exit.signal === 'SIGKILL') throw new Error(`the proxy had to be killed:\n${this.log}`)
    return exit
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.over || !this.endExpected) await this.stop()
    else await rm(this.folder, { recursive: true, force: true })
  }
}

/** Waits for the address file; it may be seen before it is complete, hence the form is checked. */
async function adminAddress(folder: string, file: string, exited: Promise<ProxyExit>): Promise<string> {
  const deadline = AbortSignal.timeout(READY_TIMEOUT_MS)
  const read = () => readFile(file, 'utf8').catch(() => '')
  return await new Promise<string>((resolve, reject) => {
    const watcher = watch(folder)
    const look = async () => {
      const address = (await read()).trim()
      if (!/:\d+$/.test(address)) return
      watcher.close()
      resolve(address)
    }
    watcher.on('change', look)
    // An open watcher would keep the test's process waiting.
    void exited.then(() => watcher.close())
    deadline.addEventListener('abort', () => {
      watcher.close()
      reject(new Error('the proxy did not write its admin address'))
    })
    void look()
  })
}

/** Asks /ready again as soon as it has answered, until it says yes. */
async function ready(address: string): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS
  while (performance.now() < deadline) {
    const answer = await fetch(`http://${address}/ready`, { signal: AbortSignal.timeout(READY_TIMEOUT_MS) })
    const state = await answer.text()
    if (answer.status === 200) return
    if (state.trim() === 'DRAINING') break
    await new Promise(resolve => setImmediate(resolve))
  }
  throw new Error('the proxy did not become ready')
}
