import {
  type AcceptedSocket,
  CloseConnection,
  Continue,
  ja3Fingerprint,
  ja4Fingerprint,
  type ListenerFilter,
  type ListenerFilterStatus,
  type PeekedBytes,
  parseClientHello,
  StopIteration,
} from '../../../net/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'

export const TLS_INSPECTOR_STATS = statTemplate({
  counters: [
    'alpn_found',
    'alpn_not_found',
    'client_hello_too_large',
    'sni_found',
    'sni_not_found',
    'tls_found',
    'tls_not_found',
  ],
  gauges: [],
  histograms: ['bytes_processed'],
})
const slot = (name: string): number => TLS_INSPECTOR_STATS.slot(name)
const ALPN_FOUND = slot('alpn_found')
const ALPN_NOT_FOUND = slot('alpn_not_found')
const TOO_LARGE = slot('client_hello_too_large')
const SNI_FOUND = slot('sni_found')
const SNI_NOT_FOUND = slot('sni_not_found')
const TLS_FOUND = slot('tls_found')
const TLS_NOT_FOUND = slot('tls_not_found')
const BYTES_PROCESSED = slot('bytes_processed')

export interface TlsInspectorPlan {
  readonly maxClientHelloBytes: number
  readonly closeOnParsingErrors: boolean
  /** Fingerprints of the client's hello to be made. */
  readonly ja3: boolean
  readonly ja4: boolean
}

/** Tells TLS from plain text, and takes server name and ALPN from the ClientHello, without ending TLS. */
export class TlsInspector implements ListenerFilter {
  readonly maxBytes: number
  private readonly plan: TlsInspectorPlan
  private readonly stats: StatBlock

  constructor(plan: TlsInspectorPlan, stats: StatBlock) {
    this.plan = plan
    this.stats = stats
    this.maxBytes = plan.maxClientHelloBytes
  }

  onAccept(): ListenerFilterStatus {
    return StopIteration
  }

  onData({ data, start, end }: PeekedBytes, socket: AcceptedSocket): ListenerFilterStatus {
    const { cells } = this.stats
    const hello = parseClientHello(data.subarray(start, end))
    // A client that leaves amid its hello is no client of plain text: it is let go.
    if (hello === 'more' && end - start < this.maxBytes) return StopIteration
    this.stats.histogram(BYTES_PROCESSED).record(end - start)
    if (typeof hello === 'string') return this.notFound(hello === 'more')
    cells[TLS_FOUND]! += 1
    cells[hello.serverName === null ? SNI_NOT_FOUND : SNI_FOUND]! += 1
    cells[hello.applicationProtocols.length === 0 ? ALPN_NOT_FOUND : ALPN_FOUND]! += 1
    socket.transportProtocol = 'tls'
    socket.requestedServerName = hello.serverName
    if (hello.applicationProtocols.length > 0) socket.applicationProtocols = hello.applicationProtocols
    if (this.plan.ja3) socket.ja3 = ja3Fingerprint(data.subarray(start, end))
    if (this.plan.ja4) socket.ja4 = ja4Fingerprint(data.subarray(start, end))
    return Continue
  }

  private notFound(tooLarge: boolean): ListenerFilterStatus {
    if (tooLarge) {
      this.stats.cells[TOO_LARGE]! += 1
      return CloseConnection
    }
    this.stats.cells[TLS_NOT_FOUND]! += 1
    return this.plan.closeOnParsingErrors ? CloseConnection : Continue
  }
}
