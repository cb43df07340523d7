import { Timer, type TimerOwner } from '../../../base/index.ts'
import type { Connection } from '../../../net/index.ts'
import { CloseNoFlush } from '../../../net/index.ts'
import { HTTP2_KEEPALIVE_TIMEOUT } from '../../http2-stats.ts'
import type { FrameWriter } from './frame-writer.ts'
import type { KeepaliveOptions } from './options.ts'

const INTERVAL = 0
const TIMEOUT = 1
const PAYLOAD = Buffer.from('outrider', 'latin1')

/** Asks the peer by PING whether it is alive, and closes the connection when no answer comes (connection_keepalive). */
export class Keepalive implements TimerOwner {
  private readonly connection: Connection
  private readonly writer: FrameWriter
  private readonly options: KeepaliveOptions
  private readonly cells: Float64Array
  private readonly interval = new Timer(this, INTERVAL)
  private readonly timeout = new Timer(this, TIMEOUT)
  private lastReadMs: number

  constructor(connection: Connection, writer: FrameWriter, options: KeepaliveOptions, cells: Float64Array) {
    this.connection = connection
    this.writer = writer
    this.options = options
    this.cells = cells
    this.lastReadMs = connection.thread.clock.now
    this.armInterval()
  }

  onRead(): void {
    this.lastReadMs = this.connection.thread.clock.now
  }

  /** A request is about to go out: a connection that was quiet for long is asked first whether anybody is there. */
  onNewStream(): void {
    const { idleIntervalMs } = this.options
    const quietMs = this.connection.thread.clock.now - this.lastReadMs
    if (idleIntervalMs > 0 && quietMs > idleIntervalMs && !this.timeout.armed) this.ping()
  }

  onPingAck(payload: Buffer, start: number): void {
    for (let i = 0; i < 8; i++) if (payload[start + i] !== PAYLOAD[i]) return
    this.connection.thread.timers.disarm(this.timeout)
    this.armInterval()
  }

  stop(): void {
    const { timers } = this.connection.thread
    timers.disarm(this.interval)
    timers.disarm(this.timeout)
  }

  onTimer(kind: number): void {
    if (kind === INTERVAL) {
      if (!this.timeout.armed) this.ping()
      return
    }
    this.cells[HTTP2_KEEPALIVE_TIMEOUT]! += 1
    this.connection.close(CloseNoFlush)
  }

  private ping(): void {
    this.writer.ping(false, PAYLOAD, 0)
    this.connection.thread.timers.arm(this.timeout, this.options.timeoutMs)
  }

  private armInterval(): void {
    const { intervalMs, jitterPercent } = this.options
    if (intervalMs === 0) return
    const { timers, random } = this.connection.thread
    timers.arm(this.interval, intervalMs * (1 + (random() * jitterPercent) / 100))
  }
}
