import http from 'node:http'

const PATHS = ['/', '/item/tea', '/item/cup', '/item/spoon']

/** A gentle, steady stream of requests to the edge. */
export class Traffic {
  sent = 0
  failed = 0
  private readonly agent = new http.Agent({ keepAlive: true })
  private readonly port: number
  private readonly timer: NodeJS.Timeout
  private underWay = 0
  private whenQuiet: (() => void) | null = null

  constructor(port: number, requestsPerSecond: number) {
    this.port = port
    this.timer = setInterval(() => this.send(), 1000 / requestsPerSecond)
  }

  private send(): void {
    const path = PATHS[this.sent++ % PATHS.length]!
    this.underWay++
    let settled = false
    const done = (ok: boolean) => {
      if (settled) return
      settled = true
      if (!ok) this.failed++
      this.underWay--
      if (this.underWay === 0) this.whenQuiet?.()
    }
    http
      .get({ host: '127.0.0.1', port: this.port, path, agent: this.agent }, response => {
        response.resume().on('end', () => done(response.statusCode === 200))
        response.on('error', () => done(false))
      })
      .on('error', () => done(false))
  }

  /** Sends nothing more; resolves when the last answer is in. */
  async stop(): Promise<void> {
    clearInterval(this.timer)
    const { promise, resolve } = Promise.withResolvers<void>()
    this.whenQuiet = resolve
    if (this.underWay === 0) resolve()
    await promise
    this.agent.destroy()
  }
}
