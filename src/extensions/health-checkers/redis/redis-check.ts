import { type CloseEvent, CloseNoFlush, type Connection, type ConnectionReader } from '../../../net/index.ts'
import type { CheckResults, CheckTarget, HostCheck } from '../../../upstream/index.ts'

/** The answers looked for are a few bytes; a longer line is not one of them. */
const MAX_LINE_BYTES = 512

/** Sends one command and compares the one line that comes back. */
export class RedisCheck implements HostCheck, ConnectionReader {
  private readonly request: Buffer
  private readonly answer: string
  private readonly target: CheckTarget
  private readonly results: CheckResults
  private connection: Connection | null = null
  private waiting = false
  private line = ''

  /** `answer`: the line of a healthy host, without its end. */
  constructor(request: Buffer, answer: string, target: CheckTarget, results: CheckResults) {
    this.request = request
    this.answer = answer
    this.target = target
    this.results = results
  }

  begin(): void {
    this.waiting = true
    this.line = ''
    if (this.connection !== null) {
      this.onConnected()
      return
    }
    this.connection = this.target.connect()
    this.connection.reader = this
  }

  onConnected(): void {
    this.connection?.write(this.request, 0, this.request.length)
  }

  onData(data: Buffer, start: number, end: number): void {
    if (!this.waiting) {
      this.drop()
      return
    }
    this.line += data.latin1Slice(start, Math.min(end, start + MAX_LINE_BYTES))
    const length = this.line.indexOf('\r\n')
    if (length < 0 && this.line.length < MAX_LINE_BYTES) return
    // Bytes behind the line, as in an answer of several lines, make what follows unreadable.
    const exact = length >= 0 && length + 2 === this.line.length
    const passed = length >= 0 && this.line.slice(0, length) === this.answer
    this.waiting = false
    if (!exact || !this.target.reuseConnection) this.drop()
    if (passed) this.results.onCheckPassed(false)
    else this.results.onCheckFailed('ACTIVE', 0, false)
  }

  onEnd(): void {
    this.connection?.closeByPeer()
  }

  onClose(_event: CloseEvent): void {
    const { waiting } = this
    this.connection = null
    this.waiting = false
    if (waiting) this.results.onCheckFailed('NETWORK', 0, true)
  }

  timeOut(): void {
    this.drop()
  }

  close(): void {
    this.drop()
  }

  private drop(): void {
    const { connection } = this
    this.connection = null
    this.waiting = false
    if (connection === null) return
    connection.reader = null
    connection.close(CloseNoFlush)
  }
}
