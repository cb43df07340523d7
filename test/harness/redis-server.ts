import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePorts } from './free-port.ts'

/** A real Redis without persistence, that can go and come back at the same port. */
export class RedisServer {
  readonly port: number
  private readonly args: readonly string[]
  private child: ChildProcess

  private constructor(port: number, args: readonly string[], child: ChildProcess) {
    this.port = port
    this.args = args
    this.child = child
  }

  /** `port`: 0 for a free one. */
  static async start(args: readonly string[] = [], port = 0): Promise<RedisServer> {
    const at = port === 0 ? (await freePorts(1))[0]! : port
    return new RedisServer(at, args, await spawnRedis(at, args))
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
  }

  async restart(): Promise<void> {
    this.child = await spawnRedis(this.port, this.args)
  }

  /** Stops answering without closing anything. */
  freeze(frozen: boolean): void {
    this.child.kill(frozen ? 'SIGSTOP' : 'SIGCONT')
  }
}

async function spawnRedis(port: number, args: readonly string[]): Promise<ChildProcess> {
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let text = ''
  await new Promise<void>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (piece: string) => {
        text += piece
        if (text.includes('Ready to accept connections')) resolve()
      })
    }
    child.once('exit', code => reject(new Error(`redis-server ended with ${code}: ${text}`)))
    child.once('error', reject)
  })
  return child
}
