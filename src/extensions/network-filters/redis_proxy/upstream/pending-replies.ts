// HOT FILE (docs/hot-path.md): who waits for the replies of one connection, in the order of the commands.
import type { ReplyReceiver } from './reply-receiver.ts'

const FIRST_CAPACITY = 16
/** A larger ring is not kept once it is empty. */
const KEPT_CAPACITY = 4096

/** A ring of lists side by side. */
export class PendingReplies {
  private receivers: (ReplyReceiver | null)[] = new Array(FIRST_CAPACITY).fill(null)
  private indices: number[] = new Array(FIRST_CAPACITY).fill(0)
  private sentMs: number[] = new Array(FIRST_CAPACITY).fill(0)
  /** Name for stats and bytes to send again, where somebody needs them. */
  private names: string[] = []
  private requests: (Buffer | null)[] = []
  private first = 0
  private count = 0
  // What shift() took out last.
  index = 0
  sentAtMs = 0
  name = ''
  request: Buffer | null = null

  get size(): number {
    return this.count
  }

  push(receiver: ReplyReceiver, index: number, nowMs: number, name: string, request: Buffer | null): void {
    if (this.count === this.receivers.length) this.grow()
    const at = (this.first + this.count++) & (this.receivers.length - 1)
    this.receivers[at] = receiver
    this.indices[at] = index
    this.sentMs[at] = nowMs
    if (name !== '') this.names[at] = name
    if (request !== null) this.requests[at] = request
  }

  /** Takes the oldest out; null: there is none. */
  shift(): ReplyReceiver | null {
    if (this.count === 0) return null
    const at = this.first
    const receiver = this.receivers[at]!
    this.receivers[at] = null
    this.index = this.indices[at]!
    this.sentAtMs = this.sentMs[at]!
    this.name = this.names[at] ?? ''
    this.request = this.requests[at] ?? null
    if (this.request !== null) this.requests[at] = null
    this.first = (at + 1) & (this.receivers.length - 1)
    if (--this.count === 0 && this.receivers.length > KEPT_CAPACITY) this.shrink()
    return receiver
  }

  private grow(): void {
    const { count, first } = this
    const turn = <T>(list: T[]): T[] =>
      list.length === 0 ? list : [...list.slice(first, count), ...list.slice(0, first)]
    this.receivers = [...turn(this.receivers), ...new Array<null>(count).fill(null)]
    this.indices = turn(this.indices)
    this.sentMs = turn(this.sentMs)
    this.names = turn(fill(this.names, count, ''))
    this.requests = turn(fill(this.requests, count, null))
    this.first = 0
  }

  private shrink(): void {
    this.receivers = new Array(FIRST_CAPACITY).fill(null)
    this.indices = []
    this.sentMs = []
    this.names = []
    this.requests = []
    this.first = 0
  }
}

/** A list that is in use has a place for each. */
function fill<T>(list: T[], length: number, value: T): T[] {
  if (list.length > 0) while (list.length < length) list.push(value)
  return list
}
