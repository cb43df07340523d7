// One command of many keys as one command per key.

import { ARRAY, BULK_STRING, ERROR, INTEGER, NULL, SIMPLE_STRING } from '../../../../net/resp/index.ts'
import type { ClientRequest } from '../client-request.ts'
import { finishedWithErrors, OK, UPSTREAM_FAILURE_REPLY, UPSTREAM_PROTOCOL_ERROR } from '../replies.ts'
import type { ReplyReceiver } from '../upstream/reply-receiver.ts'

/** Collects the replies to the pieces; the last one makes the whole. */
export abstract class FanOut implements ReplyReceiver {
  protected errors = 0
  private readonly request: ClientRequest
  private left: number

  constructor(request: ClientRequest, pieces: number) {
    this.request = request
    this.left = pieces
  }

  get cancelled(): boolean {
    return this.request.cancelled
  }

  onReply(bytes: Buffer, start: number, end: number, index: number): void {
    this.take(bytes, start, end, index)
    if (--this.left > 0) return
    const whole = this.whole()
    this.request.complete(this.errors === 0, whole, 0, whole.length)
  }

  onUpstreamFailure(index: number): void {
    this.onReply(UPSTREAM_FAILURE_REPLY, 0, UPSTREAM_FAILURE_REPLY.length, index)
  }

  protected abstract take(bytes: Buffer, start: number, end: number, index: number): void
  protected abstract whole(): Buffer
}

/** MGET: each value, or error, in its place. */
export class Values extends FanOut {
  private readonly values: Buffer[]

  constructor(request: ClientRequest, pieces: number) {
    super(request, pieces)
    this.values = new Array(pieces)
  }

  protected take(bytes: Buffer, start: number, end: number, index: number): void {
    const type = bytes[start]
    if (type === ERROR) this.errors++
    if (type === ERROR || type === BULK_STRING || type === NULL) {
      this.values[index] = Buffer.copyBytesFrom(bytes, start, end - start) as Buffer
      return
    }
    this.errors++
    this.values[index] = UPSTREAM_PROTOCOL_ERROR
  }

  protected whole(): Buffer {
    const { values } = this
    return Buffer.concat([Buffer.from(`${String.fromCharCode(ARRAY)}${values.length}\r\n`), ...values])
  }
}

/** MSET: all of them must be OK. */
export class AllOk extends FanOut {
  protected take(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] !== SIMPLE_STRING || bytes.compare(OK, 0, OK.length, start, end) !== 0) this.errors++
  }

  protected whole(): Buffer {
    return this.errors === 0 ? OK : finishedWithErrors(this.errors)
  }
}

/** DEL, EXISTS, TOUCH, UNLINK. */
export class Total extends FanOut {
  private total = 0n

  protected take(bytes: Buffer, start: number, end: number): void {
    if (bytes[start] === INTEGER) this.total += BigInt(bytes.latin1Slice(start + 1, end - 2))
    else this.errors++
  }

  protected whole(): Buffer {
    return this.errors === 0 ? Buffer.from(`:${this.total}\r\n`) : finishedWithErrors(this.errors)
  }
}
