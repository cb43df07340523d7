import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const READY_TIMEOUT_MS = 15_000
const STAT_TIMEOUT_MS = 3000
const STOP_TIMEOUT_MS = 10_000

export interface ProxyOptions {
  /** Further command line arguments. */
  readonly args?: readonly string[]
  readonly concurrency?: number
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
    const binary = process.env['PROXY_UNDER_TEST']
    const command = binary === undefined ? [process.execPath, MAIN] : [binary, '--disable-hot-restart']
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
      const address = await Promise.race([adminAddress(folder, addressFile), proxy])
      await Promise.race([ready(address), proxy])
      return new ProxyProcess(child, address, folder, output, exited)
    } catch (error) {
      child.kill('SIGKILL')
      await rm(folder, { recursive: true })
      throw new Error(`${(error as Error).message}\n${output.join('')}`, { cause: error })
    }
  }

  /** What it printed so far. */
  get log(): string {
    return this.output.join('')
  }

  admin(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://${this.adminAddress}${path}`, init)
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

  /** Sends a signal and waits for the end; a proxy that does not end in time is killed and reported. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<ProxyExit> {
    this.process.kill(signal)
    return await this.waitForExit()
  }

  async waitForExit(): Promise<ProxyExit> {
    const killer = setTimeout(() => this.process.kill('SIGKILL'), STOP_TIMEOUT_MS)
    const exit = await this.exited
    clearTimeout(killer)
    await rm(this.folder, { recursive: true, force: true })
    if (exit.signal === 'SIGKILL') throw new Error(`the proxy had to be killed:\n${this.log}`)
    return exit
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.stop()
    else await rm(this.folder, { recursive: true, force: true })
  }
}

/** Waits for the address file; it may be seen before it is complete, hence the form is checked. */
async function adminAddress(folder: string, file: string): Promise<string> {
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
    const answer = await fetch(`http://${address}/ready`)
    const state = await answer.text()
    if (answer.status === 200) return
    if (state.trim() === 'DRAINING') break
    await new Promise(resolve => setImmediate(resolve))
  }
  throw new Error('the proxy did not become ready')
}
