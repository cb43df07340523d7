import type { Socket } from 'node:net'
import { HttpStats } from '../http/index.ts'
import { type StatBlock, type StatStore, statTemplate } from '../observability/index.ts'
import type { AdminExchange, AdminTraffic } from './admin-traffic.ts'

/** `listener.admin.`, the names of any listener. */
const LISTENER = statTemplate({
  counters: ['downstream_cx_total', 'downstream_cx_destroy', 'downstream_cx_overflow', 'no_filter_chain_match'],
  gauges: ['downstream_cx_active'],
  histograms: ['downstream_cx_length_ms'],
})

const LISTENER_CX_TOTAL = LISTENER.slot('downstream_cx_total')
const LISTENER_CX_DESTROY = LISTENER.slot('downstream_cx_destroy')
const LISTENER_CX_ACTIVE = LISTENER.slot('downstream_cx_active')
const LISTENER_CX_LENGTH_MS = LISTENER.slot('downstream_cx_length_ms')

const { HCM_STATS } = HttpStats
const slot = (name: string) => HCM_STATS.slot(name)
const CX_TOTAL = slot('downstream_cx_total')
const CX_HTTP1_TOTAL = slot('downstream_cx_http1_total')
const CX_ACTIVE = slot('downstream_cx_active')
const CX_HTTP1_ACTIVE = slot('downstream_cx_http1_active')
const CX_DESTROY = slot('downstream_cx_destroy')
const CX_DESTROY_REMOTE = slot('downstream_cx_destroy_remote')
const CX_DESTROY_LOCAL = slot('downstream_cx_destroy_local')
const CX_RX_BYTES = slot('downstream_cx_rx_bytes_total')
const CX_TX_BYTES = slot('downstream_cx_tx_bytes_total')
const CX_LENGTH_MS = slot('downstream_cx_length_ms')
const RQ_TOTAL = slot('downstream_rq_total')
const RQ_HTTP1_TOTAL = slot('downstream_rq_http1_total')
const RQ_ACTIVE = slot('downstream_rq_active')
const RQ_COMPLETED = slot('downstream_rq_completed')
const RQ_TIME = slot('downstream_rq_time')
const RQ_BY_CLASS = ['1xx', '2xx', '3xx', '4xx', '5xx'].map(name => slot(`downstream_rq_${name}`))

/** Counts the admin interface's traffic under `http.admin.` and `listener.admin.`, as Envoy does. */
export class AdminStats implements AdminTraffic {
  private readonly http: StatBlock
  private readonly listener: StatBlock

  constructor(store: StatStore) {
    this.http = store.block('http.admin.', HCM_STATS)
    this.listener = store.block('listener.admin.', LISTENER)
  }

  connectionOpened(socket: Socket): void {
    const openedMs = performance.now()
    const { http, listener } = this
    const add = (block: StatBlock, slot: number, count: number) => {
      block.cells[slot]! += count
    }
    for (const slot of [CX_TOTAL, CX_HTTP1_TOTAL, CX_ACTIVE, CX_HTTP1_ACTIVE]) add(http, slot, 1)
    for (const slot of [LISTENER_CX_TOTAL, LISTENER_CX_ACTIVE]) add(listener, slot, 1)
    let remote = false
    socket.once('end', () => (remote = true))
    socket.once('close', () => {
      const lengthMs = performance.now() - openedMs
      for (const slot of [CX_ACTIVE, CX_HTTP1_ACTIVE]) add(http, slot, -1)
      add(listener, LISTENER_CX_ACTIVE, -1)
      for (const slot of [CX_DESTROY, remote ? CX_DESTROY_REMOTE : CX_DESTROY_LOCAL]) add(http, slot, 1)
      add(listener, LISTENER_CX_DESTROY, 1)
      add(http, CX_RX_BYTES, socket.bytesRead)
      add(http, CX_TX_BYTES, socket.bytesWritten)
      http.histogram(CX_LENGTH_MS).record(lengthMs)
      listener.histogram(LISTENER_CX_LENGTH_MS).record(lengthMs)
    })
  }

  requestStarted(): void {
    const { cells } = this.http
    cells[RQ_TOTAL]! += 1
    cells[RQ_HTTP1_TOTAL]! += 1
    cells[RQ_ACTIVE]! += 1
  }

  requestEnded({ response, startMs }: AdminExchange): void {
    const { cells } = this.http
    cells[RQ_ACTIVE]! -= 1
    cells[RQ_COMPLETED]! += 1
    const byClass = RQ_BY_CLASS[Math.floor(response.statusCode / 100) - 1]
    if (byClass !== undefined) cells[byClass]! += 1
    this.http.histogram(RQ_TIME).record(performance.now() - startMs)
  }
}
