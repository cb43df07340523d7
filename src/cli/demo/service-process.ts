// One process of a service of the demo, and what is wrong with it.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

export const FAULTS = ['none', 'slow', 'failing', 'dead'] as const
export type Fault = (typeof FAULTS)[number]

export class ServiceProcess {
  readonly name: string
  readonly port: number
  fault: Fault = 'none'
  private readonly script: string
  private readonly environment: Readonly<Record<string, string>>
  private readonly onFailure: (problem: string) => void
  private child: ChildProcess

  /** `onFailure` hears of an end that nobody asked for. */
  constructor(
    name: string,
    port: number,
    script: string,
    environment: Readonly<Record<string, string>>,
    onFailure: (problem: string) => void,
  ) {
    this.name = name
    this.port = port
    this.script = script
    this.environment = environment
    this.onFailure = onFailure
    this.child = this.start()
  }

  private start(): ChildProcess {
    const child = spawn(process.execPath, [this.script], {
      // A group of its own: Ctrl-C reaches the demo alone, which ends the others in order.
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, ...this.environment, PORT: String(this.port) },
    })
    child.on('error', error => this.onFailure(`service ${this.name}: ${error.message}`))
    child.on('exit', (code, signal) => {
      if (this.fault !== 'dead') this.onFailure(`service ${this.name} ended with ${signal ?? `code ${code}`}`)
    })
    return child
  }

  /** Makes it slow or failing, kills it, or heals it, whatever it was before. */
  setFault(fault: Fault): void {
    if (fault === this.fault) return
    const wasDead = this.fault === 'dead'
    this.fault = fault
    if (fault === 'dead') {
      this.child.kill('SIGKILL')
      return
    }
    if (wasDead) this.child = this.start()
    this.child.send({ fault }, () => undefined)
  }

  private get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** True when it ended as it should. */
  async stop(): Promise<boolean> {
    if (!this.running) return this.fault === 'dead'
    const exited = once(this.child, 'exit')
    this.child.kill('SIGTERM')
    await exited
    return this.child.exitCode === 0
  }

  kill(): void {
    if (this.running) this.child.kill('SIGKILL')
  }
}
