import {
  type AcceptedSocket,
  Continue,
  type ListenerFilter,
  type ListenerFilterStatus,
  type PeekedBytes,
  StopIteration,
} from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

export const HTTP_INSPECTOR_STATS = statTemplate({
  counters: ['read_error', 'http10_found', 'http11_found', 'http2_found', 'http_not_found'],
  gauges: [],
  histograms: [],
})
const HTTP10 = HTTP_INSPECTOR_STATS.slot('http10_found')
const HTTP11 = HTTP_INSPECTOR_STATS.slot('http11_found')
const HTTP2 = HTTP_INSPECTOR_STATS.slot('http2_found')
const NOT_FOUND = HTTP_INSPECTOR_STATS.slot('http_not_found')

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
const MAX_BYTES = 65536
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const REQUEST_LINE = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ [^ ]+ (HTTP\/1\.[01])\r?$/

/** Tells HTTP/1.0, HTTP/1.1 and HTTP/2 without TLS by the first line a client sends. */
export class HttpInspector implements ListenerFilter {
  readonly maxBytes = MAX_BYTES
  private readonly stats: StatBlock

  constructor(stats: StatBlock) {
    this.stats = stats
  }

  onAccept(socket: AcceptedSocket): ListenerFilterStatus {
    // Under TLS the first bytes are a handshake: ALPN says which protocol comes.
    return socket.transportProtocol === 'raw_buffer' ? StopIteration : Continue
  }

  onData({ data, start, end }: PeekedBytes, socket: AcceptedSocket, ended: boolean): ListenerFilterStatus {
    const text = data.latin1Slice(start, end)
    if (text.startsWith(PREFACE)) return this.found(HTTP2, 'h2c', socket)
    if (PREFACE.startsWith(text) && !ended) return StopIteration
    const newline = text.indexOf('\n')
    if (newline >= 0) return this.decide(REQUEST_LINE.exec(text.slice(0, newline))?.[1], socket)
    // As soon as the line cannot become a request line any more, nothing is waited for.
    const space = text.indexOf(' ')
    if (ended || !METHOD.test(space < 0 ? text : text.slice(0, space)) || text.length >= MAX_BYTES) {
      return this.decide(undefined, socket)
    }
    return StopIteration
  }

  private decide(version: string | undefined, socket: AcceptedSocket): ListenerFilterStatus {
    if (version === 'HTTP/1.1') return this.found(HTTP11, 'http/1.1', socket)
    if (version === 'HTTP/1.0') return this.found(HTTP10, 'http/1.0', socket)
    this.stats.cells[NOT_FOUND]! += 1
    return Continue
  }

  private found(slot: number, protocol: string, socket: AcceptedSocket): ListenerFilterStatus {
    this.stats.cells[slot]! += 1
    socket.applicationProtocols = [protocol]
    return Continue
  }
}
