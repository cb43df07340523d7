// Test kit: one half of an HTTP/2 connection, fed by hand.
import { StatStore } from '../../../../observability/index.ts'
import { HeaderName } from '../../../header-name.ts'
import { HeaderMap } from '../../../headers.ts'
import { HTTP2_STATS } from '../../../http2-stats.ts'
import type { CodecError, ResponseEncoder } from '../../codec.ts'
import { MemoryConnection } from '../../testing/memory-connection.ts'
import { type RecordedMessage, RecordingDecoder } from '../../testing/recording.ts'
import { Http2ClientCodec } from '../client.ts'
import { DEFAULT_HTTP2_OPTIONS, type Http2Options } from '../options.ts'
import { Http2ServerCodec } from '../server.ts'
import { describeFrames, type Fields } from './frames.ts'

abstract class TestHalf {
  readonly memory = new MemoryConnection()
  readonly stats = new StatStore().block('http2.', HTTP2_STATS)
  abstract readonly codec: Http2ServerCodec | Http2ClientCodec

  feed(...pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.codec.dispatch(piece, 0, piece.length)
  }

  /** Frames written since the last look. */
  frames(): string[] {
    return describeFrames(this.memory.take())
  }

  stat(name: string): number {
    return this.stats.cells[HTTP2_STATS.slot(name)]! + 0
  }

  /** Stats that are not 0. */
  counted(): Record<string, number> {
    const names = [...HTTP2_STATS.counters, ...HTTP2_STATS.gauges]
    return Object.fromEntries(names.map(name => [name, this.stat(name)] as const).filter(([, value]) => value !== 0))
  }
}

export interface ServerStream {
  readonly decoder: RecordingDecoder
  readonly encoder: ResponseEncoder
}

export class TestServer extends TestHalf {
  readonly codec: Http2ServerCodec
  readonly streams: ServerStream[] = []
  error: CodecError | null = null

  constructor(options: Partial<Http2Options> = {}, onStream: (stream: ServerStream) => void = () => {}) {
    super()
    this.codec = new Http2ServerCodec(
      this.memory.connection,
      {
        newStream: encoder => {
          const stream = { decoder: new RecordingDecoder(), encoder }
          this.streams.push(stream)
          onStream(stream)
          return stream.decoder
        },
        onCodecError: error => {
          this.error = error
        },
      },
      { ...DEFAULT_HTTP2_OPTIONS, ...options },
      this.stats,
    )
  }

  get messages(): RecordedMessage[] {
    return this.streams.map(({ decoder }) => decoder.message)
  }
}

export class TestClient extends TestHalf {
  readonly codec: Http2ClientCodec
  readonly told: string[] = []

  constructor(options: Partial<Http2Options> = {}) {
    super()
    this.codec = new Http2ClientCodec(
      this.memory.connection,
      {
        onStreamClosed: () => this.told.push('closed'),
        // SETTINGS that leave our own limit as it is are in every session.
        onMaxConcurrentStreams: limit => void (limit !== 1024 && this.told.push(`limit ${limit}`)),
        onGoAway: () => this.told.push('goaway'),
        onProtocolError: details => this.told.push(details),
      },
      { ...DEFAULT_HTTP2_OPTIONS, ...options },
      this.stats,
    )
  }
}

/** A head of its lines. */
export function headOf(
  fields: Fields,
  set: Partial<Pick<HeaderMap, 'status' | 'method' | 'scheme' | 'path'>> = {},
): HeaderMap {
  const head = HeaderMap.acquire()
  for (const [name, value] of fields) head.append(HeaderName.of(name), value)
  return Object.assign(head, set)
}

export function requestHead(fields: Fields = [], method = 'GET', path = '/'): HeaderMap {
  return headOf([['host', 'a.test'], ...fields], { method, path, scheme: 'http' })
}

export const responseHead = (status: number, fields: Fields = []): HeaderMap => headOf(fields, { status })
