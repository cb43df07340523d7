// HOT FILE (docs/hot-path.md): one request of a client, until its reply is written.
import { Timer, type TimerOwner } from '../../../base/index.ts'
import type { Command } from './command-table.ts'
import type { RedisProxy } from './redis-proxy.ts'
import { UPSTREAM_FAILURE_REPLY } from './replies.ts'
import { DELAY_FAULT } from './stats.ts'
import type { ReplyReceiver } from './upstream/reply-receiver.ts'

const DELAY_TIMER = 0

export class ClientRequest implements ReplyReceiver, TimerOwner {
  /** Null: the client has gone. */
  proxy: RedisProxy | null
  /** Whose stats it counts in; null: nobody's. */
  private readonly command: Command | null
  private readonly startMs: number
  /** Waits for the replies before it; null: there is none yet. */
  reply: Buffer | null = null
  next: ClientRequest | null = null
  /** The reply is held back for so long (a fault); 0: it is not. */
  private delayMs = 0
  private delayTimer: Timer | null = null
  private heldBack: Buffer | null = null

  constructor(proxy: RedisProxy, command: Command | null, startMs: number) {
    this.proxy = proxy
    this.command = command
    this.startMs = startMs
  }

  get cancelled(): boolean {
    return this.proxy === null
  }

  delay(delayMs: number): void {
    this.delayMs = delayMs
  }

  onReply(bytes: Buffer, start: number, end: number): void {
    // An error of the server is a success of the proxy.
    this.complete(true, bytes, start, end)
  }

  onUpstreamFailure(): void {
    this.fail(UPSTREAM_FAILURE_REPLY)
  }

  /** Bytes [start, end) are valid only during the call. */
  complete(success: boolean, bytes: Buffer, start: number, end: number): void {
    const { command, proxy } = this
    if (proxy === null) return
    if (command !== null) {
      command.countEnd(success)
      if (this.delayMs === 0) command.recordLatency(this.startMs)
    }
    if (this.delayMs === 0) proxy.onReply(this, bytes, start, end)
    else this.holdBack(Buffer.copyBytesFrom(bytes, start, end - start) as Buffer)
  }

  /** An upstream failed to answer. */
  fail(reply: Buffer): void {
    this.complete(false, reply, 0, reply.length)
  }

  /** Nothing was sent anywhere: no latency is to be told of. */
  reject(reply: Buffer): void {
    this.command?.countEnd(false)
    this.answer(reply)
  }

  /** Answers without counting. */
  answer(reply: Buffer): void {
    if (this.delayMs === 0) this.proxy?.onOwnReply(this, reply)
    else this.holdBack(reply)
  }

  private holdBack(reply: Buffer): void {
    this.heldBack = reply
    this.delayTimer = new Timer(this, DELAY_TIMER)
    this.proxy?.thread.timers.arm(this.delayTimer, this.delayMs)
  }

  onTimer(): void {
    const { command, heldBack, proxy } = this
    if (proxy === null || heldBack === null) return
    this.delayTimer = null
    if (command !== null) {
      command.stats.cells[DELAY_FAULT]! += 1
      command.recordLatency(this.startMs)
    }
    proxy.onOwnReply(this, heldBack)
  }

  /** The client has gone. */
  cancel(): void {
    if (this.delayTimer !== null) this.proxy?.thread.timers.disarm(this.delayTimer)
    this.proxy = null
    this.next = null
    this.reply = null
  }
}
