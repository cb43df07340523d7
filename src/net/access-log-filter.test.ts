import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccessLogFilterJson } from '#api/envoy/config/accesslog/v3/accesslog_pb.ts'
import { type CompileContext, ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../config/index.ts'
import { type FormatContext, type HeaderLookup, ResponseFlag, StreamInfo } from '../observability/index.ts'
import { compileAccessLogFilter } from './access-log-filter.ts'
import { testThread } from './testing.ts'
import type { ThreadContext } from './thread.ts'

const context: CompileContext = {
  diagnostics: new Diagnostics(),
  extensions: new ExtensionRegistry(),
  node: {},
  runtime: runtimeSnapshot([]),
  hasCluster: () => false,
  readFile: () => Buffer.alloc(0),
}

function headers(values: Record<string, string>): HeaderLookup {
  return { lookup: name => values[name], joined: name => values[name], names: () => Object.keys(values), byteSize: 0 }
}

interface Entry extends Partial<FormatContext> {
  set?: Partial<StreamInfo>
}

function matches(filter: AccessLogFilterJson, entry: Entry, thread: ThreadContext = testThread()): boolean {
  const { set, ...rest } = entry
  const connection = {
    connectionId: 1,
    remoteAddress: '127.0.0.1:1',
    directRemoteAddress: '127.0.0.1:1',
    localAddress: '127.0.0.1:2',
    directLocalAddress: '127.0.0.1:2',
    requestedServerName: null,
    filterChainName: '',
    ssl: null,
  }
  const info = Object.assign(new StreamInfo(connection, 0), set)
  const full = { requestHeaders: null, responseHeaders: null, responseTrailers: null, info, ...rest }
  return compileAccessLogFilter(filter, context, ConfigPath.root).matches(full, thread)
}

const status = (op: string, defaultValue: number): AccessLogFilterJson =>
  ({ statusCodeFilter: { comparison: { op, value: { defaultValue, runtimeKey: 'k' } } } }) as AccessLogFilterJson

test('status codes are compared, and runtime may move the bound', () => {
  assert.ok(matches(status('GE', 500), { set: { responseCode: 503 } }))
  assert.ok(!matches(status('GE', 500), { set: { responseCode: 404 } }))
  assert.ok(matches(status('LE', 399), { set: { responseCode: 0 } }))
  assert.ok(matches(status('EQ', 200), { set: { responseCode: 200 } }))
  assert.ok(matches(status('NE', 200), { set: { responseCode: 201 } }))
  const thread = { ...testThread(), runtime: { snapshot: runtimeSnapshot([{ k: 400 }]) } }
  assert.ok(matches(status('GE', 500), { set: { responseCode: 404 } }, thread))
})

test('durations are whole milliseconds', () => {
  const filter = { durationFilter: { comparison: { op: 'GE', value: { defaultValue: 10 } } } } as AccessLogFilterJson
  assert.ok(matches(filter, { set: { endUs: 10_999 } }))
  assert.ok(!matches(filter, { set: { endUs: 9_999 } }))
})

test('and, or, health checks, log types', () => {
  const failed = status('GE', 500)
  const noCheck: AccessLogFilterJson = { notHealthCheckFilter: {} }
  assert.ok(!matches({ andFilter: { filters: [failed, noCheck] } }, { set: { responseCode: 503, healthCheck: true } }))
  assert.ok(matches({ orFilter: { filters: [failed, noCheck] } }, { set: { responseCode: 503, healthCheck: true } }))
  const ends: AccessLogFilterJson = { logTypeFilter: { types: ['DownstreamEnd'] } }
  assert.ok(matches(ends, { accessLogType: 'DownstreamEnd' }))
  assert.ok(!matches(ends, { accessLogType: 'TcpConnectionEnd' }))
  assert.ok(matches({ logTypeFilter: { types: ['DownstreamEnd'], exclude: true } }, { accessLogType: 'TcpPeriodic' }))
})

test('response flags: any of those named, or any at all', () => {
  const set = { flags: ResponseFlag.UpstreamOverflow }
  assert.ok(matches({ responseFlagFilter: { flags: ['UO', 'UH'] } }, { set }))
  assert.ok(!matches({ responseFlagFilter: { flags: ['UH'] } }, { set }))
  assert.ok(matches({ responseFlagFilter: {} }, { set }))
  assert.ok(!matches({ responseFlagFilter: {} }, {}))
})

test('request headers', () => {
  const requestHeaders = headers({ 'x-a': 'one', ':path': '/p' })
  const on = (header: object): AccessLogFilterJson => ({ headerFilter: { header } }) as AccessLogFilterJson
  assert.ok(matches(on({ name: 'X-A', stringMatch: { prefix: 'o' } }), { requestHeaders }))
  assert.ok(!matches(on({ name: 'x-a', stringMatch: { exact: 'two' } }), { requestHeaders }))
  assert.ok(matches(on({ name: 'x-a', exactMatch: 'two', invertMatch: true }), { requestHeaders }))
  assert.ok(!matches(on({ name: 'x-b', exactMatch: 'two', invertMatch: true }), { requestHeaders }))
  assert.ok(matches(on({ name: ':path', presentMatch: true }), { requestHeaders }))
  assert.ok(!matches(on({ name: 'x-b', presentMatch: true }), { requestHeaders: null }))
  assert.ok(matches(on({ name: 'n', rangeMatch: { start: '1', end: '5' } }), { requestHeaders: headers({ n: '4' }) }))
  assert.ok(!matches(on({ name: 'n', rangeMatch: { start: '1', end: '5' } }), { requestHeaders: headers({ n: '5' }) }))
})

test('gRPC status: trailers, headers, or what the HTTP status stands for', () => {
  const unavailable: AccessLogFilterJson = { grpcStatusFilter: { statuses: ['UNAVAILABLE'] } }
  assert.ok(matches(unavailable, { responseTrailers: headers({ 'grpc-status': '14' }) }))
  assert.ok(matches(unavailable, { responseHeaders: headers({ 'grpc-status': '14' }) }))
  assert.ok(matches(unavailable, { set: { responseCode: 503 } }))
  assert.ok(!matches(unavailable, { responseTrailers: headers({ 'grpc-status': '0' }) }))
  assert.ok(matches({ grpcStatusFilter: { statuses: ['OK'], exclude: true } }, { set: { responseCode: 503 } }))
})

test('dynamic metadata, and what a missing key means', () => {
  const matcher = { filter: 'f', path: [{ key: 'k' }], value: { stringMatch: { exact: 'v' } } }
  const set = { dynamicMetadata: new Map([['f', { k: 'v' }]]) }
  assert.ok(matches({ metadataFilter: { matcher } }, { set }))
  assert.ok(matches({ metadataFilter: { matcher } }, {}))
  assert.ok(!matches({ metadataFilter: { matcher, matchIfKeyNotFound: false } }, {}))
  assert.ok(!matches({ metadataFilter: { matcher } }, { set: { dynamicMetadata: new Map([['f', { k: 'w' }]]) } }))
})

test('sampling follows the request id, or chance', () => {
  const filter = (more: object): AccessLogFilterJson => ({
    runtimeFilter: { runtimeKey: 'r', percentSampled: { numerator: 50, denominator: 'HUNDRED' }, ...more },
  })
  const low = headers({ 'x-request-id': '00000000-0000-4000-8000-000000000000' })
  const high = headers({ 'x-request-id': '0000270f-0000-4000-8000-000000000000' })
  const thread = { ...testThread(), random: () => 0.9 }
  assert.ok(matches(filter({}), { requestHeaders: low }, thread))
  assert.ok(!matches(filter({}), { requestHeaders: high }, thread))
  assert.ok(!matches(filter({ useIndependentRandomness: true }), { requestHeaders: low }, thread))
  assert.ok(!matches(filter({}), {}, thread))
})
