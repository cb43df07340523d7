// Test kit of the codec contract: decoders that write down what they hear.
import { HeaderMap } from '../../headers.ts'
import type { RequestDecoder, ResetReason, ResponseDecoder } from '../codec.ts'

/** A message as a codec delivered it. */
export interface RecordedMessage {
  start: string
  headers: string[]
  body: string
  trailers: string[]
  complete: boolean
  reset: ResetReason | null
}

export class RecordingDecoder implements RequestDecoder, ResponseDecoder {
  readonly message: RecordedMessage = { start: '', headers: [], body: '', trailers: [], complete: false, reset: null }
  readonly interim: number[] = []
  onComplete: (() => void) | null = null

  decode1xxHeaders(headers: HeaderMap): void {
    this.interim.push(headers.status)
    HeaderMap.release(headers)
  }

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const { message } = this
    message.start = headers.method === '' ? String(headers.status) : `${headers.method} ${headers.path}`
    headers.forEach((name, value) => {
      message.headers.push(`${name}: ${value}`)
    })
    HeaderMap.release(headers)
    if (endStream) this.end()
  }

  decodeData(data: Buffer, start: number, end: number, endStream: boolean): void {
    this.message.body += data.latin1Slice(start, end)
    if (endStream) this.end()
  }

  decodeTrailers(trailers: HeaderMap): void {
    trailers.forEach((name, value) => {
      this.message.trailers.push(`${name}: ${value}`)
    })
    HeaderMap.release(trailers)
    this.end()
  }

  onResetStream(reason: ResetReason): void {
    this.message.reset = reason
  }

  onAboveWriteBufferHighWatermark(): void {}
  onBelowWriteBufferLowWatermark(): void {}

  private end(): void {
    this.message.complete = true
    this.onComplete?.()
  }
}
