import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { HttpStats } from '../http/index.ts'
import { type FormatContext, StatStore } from '../observability/index.ts'
import { AdminAccessLog } from './admin-access-log.ts'
import { AdminServer } from './admin-server.ts'
import { AdminStats } from './admin-stats.ts'
import { TestSources, testPlan } from './test-sources.ts'

/** One request on a connection of its own; resolves when the server is done with it. */
async function request(server: AdminServer, bytes: string): Promise<void> {
  const [host, port] = (await server.listen()).split(':') as [string, string]
  const socket = connect(Number(port), host)
  socket.end(bytes)
  socket.resume()
  await once(socket, 'close')
  await server.close()
}

test('connections and requests are counted under http.admin.', async () => {
  const store = new StatStore()
  const server = new AdminServer(testPlan(), new TestSources(), [new AdminStats(store)])
  await request(server, 'GET /nope HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  const { cells } = store.block('http.admin.', HttpStats.HCM_STATS)
  const value = (name: string) => cells[HttpStats.HCM_STATS.slot(name)]
  const names = [
    'downstream_cx_total',
    'downstream_cx_destroy',
    'downstream_rq_total',
    'downstream_rq_4xx',
    'downstream_rq_completed',
  ]
  assert.deepEqual(names.map(value), [1, 1, 1, 1, 1])
  assert.deepEqual(['downstream_cx_active', 'downstream_rq_active', 'downstream_rq_2xx'].map(value), [0, 0, 0])
  assert.ok((value('downstream_cx_tx_bytes_total') ?? 0) > 200)
})

test('every request gives one line to the access log', async () => {
  const lines: string[] = []
  const log = ({ requestHeaders, responseHeaders, info }: FormatContext) => {
    const request = [':method', ':path', ':authority', '__proto__'].map(name => requestHeaders?.lookup(name))
    const response = [':status', 'content-type'].map(name => responseHeaders?.lookup(name))
    lines.push([...request, ...response, info.responseCode, info.bytesSent, info.responseCodeDetails].join(' '))
  }
  const plans = [{ filter: null, logger: { open: () => ({ log }) } }]
  const thread = {} as ConstructorParameters<typeof AdminAccessLog>[1]
  const server = new AdminServer(testPlan(), new TestSources(), [new AdminAccessLog(plans, thread)])
  await request(server, 'GET /ready HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  assert.deepEqual(lines, ['GET /ready a  200 text/plain; charset=UTF-8 200 5 admin_filter_response'])
})
