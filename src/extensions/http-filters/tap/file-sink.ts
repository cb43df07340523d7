// One file per recorded exchange. Writing never blocks; what a disk is too slow for is dropped.
import { appendFile } from 'node:fs'
import { log } from '../../../observability/index.ts'

const logger = log('filter')
const MAX_PENDING_BYTES = 16 * 1024 * 1024
let pendingBytes = 0

/** The file of one exchange; made with its first record. */
export class TraceFile {
  private readonly path: string
  private readonly waiting: Buffer[] = []
  private writing = false

  constructor(path: string) {
    this.path = path
  }

  append(record: Buffer): void {
    if (pendingBytes + record.length > MAX_PENDING_BYTES) {
      logger.warn('a trace is dropped: the disk is too slow', { path: this.path })
      return
    }
    pendingBytes += record.length
    this.waiting.push(record)
    if (!this.writing) this.writeNext()
  }

  private writeNext(): void {
    this.writing = this.waiting.length > 0
    if (!this.writing) return
    const bytes = Buffer.concat(this.waiting)
    this.waiting.length = 0
    appendFile(this.path, bytes, error => {
      pendingBytes -= bytes.length
      if (error !== null) logger.error(`cannot write ${this.path}`, { error: String(error) })
      this.writeNext()
    })
  }
}
