import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A server that listens and never accepts: with its queue full, the kernel lets connects go unanswered. */
export class DeafServer {
  readonly port: number
  private readonly process: ChildProcess
  private readonly queued: readonly Socket[]

  private constructor(process: ChildProcess, port: number) {
    this.process = process
    this.port = port
    this.queued = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  }

  static async start(): Promise<DeafServer> {
    const script = `const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 },
      () => console.log(s.address().port))`
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(child.stdout, 'data')
    child.kill('SIGSTOP')
    const deaf = new DeafServer(child, Number(line))
    await once(deaf.queued[0]!, 'connect')
    return deaf
  }

  close(): void {
    for (const socket of this.queued) socket.destroy()
    this.process.kill('SIGKILL')
  }
}
