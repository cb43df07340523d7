// HOT FILE (docs/hot-path.md): what is kept of a request with a body, so that it can go out once more.
import { BodyBuffer, type HeaderMap } from '../http/index.ts'
import type { UpstreamRequest } from './upstream-request.ts'

/** So much body is kept of a request without a retry policy, in case its HTTP/2 connection goes away. */
export const REPLAY_BYTES = 65536
const NO_BYTES = Buffer.alloc(0)

export class RequestCopy {
  trailers: HeaderMap | null = null
  /** Body bytes went out that are not kept: the request cannot be sent again. */
  lost = false
  private body: BodyBuffer | null = null
  private keeping: boolean

  constructor(keeping: boolean) {
    this.keeping = keeping
  }

  /** Body bytes on their way out. False: from here on there are too many to keep. */
  add(data: Buffer, start: number, end: number, limit: number): boolean {
    if (!this.keeping) {
      this.lost ||= end > start
      return true
    }
    this.body ??= new BodyBuffer()
    if (this.body.length + end - start <= limit) {
      this.body.append(data, start, end)
      return true
    }
    this.forget()
    this.lost = true
    return false
  }

  /** Nothing has to go out after the headers. */
  get empty(): boolean {
    return this.body === null && this.trailers === null
  }

  /** The body, which has been received to its end; null: none. */
  get bytes(): Buffer | null {
    return this.body?.toBuffer() ?? null
  }

  /** No further attempt is possible. */
  forget(): void {
    this.keeping = false
    this.body = null
  }

  /** `complete`: the client's request has been received to its end. */
  sendTo(upstream: UpstreamRequest, complete: boolean): void {
    if (this.empty) return
    const bytes = this.body?.toBuffer() ?? NO_BYTES
    upstream.sendData(bytes, 0, bytes.length, complete && this.trailers === null)
    if (this.trailers !== null) upstream.sendTrailers(this.trailers)
  }
}
