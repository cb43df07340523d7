import { BodyBuffer, type HeaderMap } from '../../http/index.ts'
import type { Span } from '../../observability/index.ts'
import type { AsyncClient, AsyncStream, AsyncStreamCallbacks, AsyncStreamOptions } from './async-client.ts'

export interface AsyncResponse {
  readonly headers: HeaderMap
  readonly body: Buffer
}

export interface AsyncRequestCallbacks {
  /** The whole response; its headers are valid only during the call. */
  onAsyncResponse(response: AsyncResponse): void
  /** The response was cut short, or its body was larger than allowed. */
  onAsyncFailure(): void
}

const NO_BYTES = Buffer.alloc(0)

/** One request and its whole response, with a bounded body. */
export class AsyncRequest implements AsyncStreamCallbacks {
  private readonly callbacks: AsyncRequestCallbacks
  private readonly maxBodyBytes: number
  private readonly body = new BodyBuffer()
  private headers: HeaderMap | null = null
  private stream: AsyncStream | null = null
  private over = false

  private constructor(callbacks: AsyncRequestCallbacks, maxBodyBytes: number) {
    this.callbacks = callbacks
    this.maxBodyBytes = maxBodyBytes
  }

  /** `headers` belong to the client from now on. The callbacks may come before this returns. */
  static send(
    client: AsyncClient,
    options: AsyncStreamOptions,
    headers: HeaderMap,
    body: Buffer | null,
    maxBodyBytes: number,
    callbacks: AsyncRequestCallbacks,
    span: Span | null = null,
  ): AsyncRequest {
    const request = new AsyncRequest(callbacks, maxBodyBytes)
    const stream = client.start(options, headers, body === null, request, span)
    if (request.over) return request
    request.stream = stream
    if (body !== null) stream.sendData(body, 0, body.length, true)
    return request
  }

  /** No callback follows. */
  cancel(): void {
    this.over = true
    this.stream?.cancel()
    this.stream = null
  }

  onAsyncHeaders(headers: HeaderMap, endStream: boolean): void {
    this.headers = headers
    if (endStream) this.complete()
  }

  onAsyncData(data: Buffer, start: number, end: number, endStream: boolean): void {
    if (this.over) return
    if (this.body.length + end - start > this.maxBodyBytes) {
      this.cancel()
      this.callbacks.onAsyncFailure()
      return
    }
    this.body.append(data, start, end)
    if (endStream) this.complete()
  }

  onAsyncTrailers(): void {
    this.complete()
  }

  onAsyncReset(): void {
    if (this.over) return
    this.over = true
    this.stream = null
    this.callbacks.onAsyncFailure()
  }

  private complete(): void {
    if (this.over) return
    this.over = true
    this.stream = null
    const body = this.body.length === 0 ? NO_BYTES : this.body.toBuffer()
    this.callbacks.onAsyncResponse({ headers: this.headers as HeaderMap, body })
  }
}
