import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageCodec } from '../../../config/index.ts'
import { JsonSerializer, ProtoSerializer } from './serializer.ts'
import { ZipkinSpan } from './zipkin-span.ts'

function finishedSpan(): ZipkinSpan {
  const reported: ZipkinSpan[] = []
  const context = {
    traceId: `${'a'.repeat(16)}463ac35c9f6413ad`,
    spanId: 'a2fb4a1d1a96d312',
    parentId: '0020000000000001',
  }
  const form = { single: false, traceParent: false }
  const span = new ZipkinSpan({ report: each => reported.push(each) }, context, form, false, 'shop', 1000.5, true)
  span.setTag('http.url', 'http://shop/\xc3\xa9')
  span.setTag('empty', '')
  span.finish(1002.75)
  assert.equal(reported.length, 1)
  return reported[0]!
}

test('a span as JSON', () => {
  const [span] = JSON.parse(new JsonSerializer('front', true).serialize([finishedSpan()]).toString())
  const { localEndpoint, ...rest } = span
  assert.equal(localEndpoint.serviceName, 'front')
  assert.deepEqual(rest, {
    traceId: `${'a'.repeat(16)}463ac35c9f6413ad`,
    parentId: '0020000000000001',
    id: 'a2fb4a1d1a96d312',
    kind: 'SERVER',
    name: 'shop',
    timestamp: 1_000_500,
    duration: 2250,
    annotations: [{ timestamp: 1_002_750, value: 'ss' }],
    shared: true,
    tags: { 'http.url': 'http://shop/é' },
  })
})

test('the same as protobuf', () => {
  const bytes = new ProtoSerializer('front', false).serialize([finishedSpan()])
  const message = messageCodec('zipkin.proto3.ListOfSpans').decode(bytes) as {
    spans: readonly Readonly<Record<string, unknown>>[]
  }
  const [span] = message.spans
  const hex = (field: string): string => Buffer.from(span![field] as Uint8Array).toString('hex')
  assert.deepEqual(
    [hex('traceId'), hex('parentId'), hex('id')],
    [`${'a'.repeat(16)}463ac35c9f6413ad`, '0020000000000001', 'a2fb4a1d1a96d312'],
  )
  assert.deepEqual(
    [span!['kind'], span!['timestamp'], span!['duration'], span!['shared']],
    [2, 1_000_500n, 2250n, false],
  )
  assert.deepEqual(span!['tags'], { 'http.url': 'http://shop/é' })
})
