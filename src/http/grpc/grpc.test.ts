import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderMap } from '../headers.ts'
import { CONTENT_TYPE, GRPC_STATUS } from '../known-headers.ts'
import {
  decodeGrpcMessage,
  encodeGrpcMessage,
  formatGrpcTimeout,
  grpcStatusIn,
  hasGrpcContentType,
  isGrpcResponse,
  parseGrpcTimeout,
} from './grpc.ts'

function head(type: string | null, grpcStatus: string | null = null, status = 200): HeaderMap {
  const headers = new HeaderMap()
  headers.status = status
  if (type !== null) headers.append(CONTENT_TYPE, type)
  if (grpcStatus !== null) headers.append(GRPC_STATUS, grpcStatus)
  return headers
}

test('what a gRPC content type is', () => {
  for (const type of ['application/grpc', 'application/grpc+proto', 'application/grpc+json'])
    assert.ok(hasGrpcContentType(head(type)), type)
  for (const type of [
    'application/grpc-web',
    'application/json',
    'application/grp',
    'application/grpc;x',
    'xpplication/grpc',
    '',
  ])
    assert.ok(!hasGrpcContentType(head(type)), type)
  assert.ok(!hasGrpcContentType(head(null)))
})

test('what a gRPC response is', () => {
  assert.ok(isGrpcResponse(head('application/grpc'), false))
  assert.ok(!isGrpcResponse(head('application/grpc', null, 503), false))
  assert.ok(!isGrpcResponse(head('application/grpc'), true))
  assert.ok(isGrpcResponse(head(null, '5'), true))
  assert.deepEqual(
    [grpcStatusIn(head(null, '16')), grpcStatusIn(head(null, 'x')), grpcStatusIn(head(null))],
    [16, -1, null],
  )
})

test('deadlines read and written', () => {
  const read: readonly [string, number][] = [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['4m', 4],
    ['1500u', 2],
    ['1n', 1],
    ['99999999m', 99_999_999],
    ['100000000m', -1],
    ['-1m', -1],
    ['1', -1],
    ['m', -1],
    ['', -1],
  ]
  for (const [text, ms] of read) assert.equal(parseGrpcTimeout(text), ms, text)
  assert.deepEqual([0, 300, 99_999_999, 100_000_000, 1e12, 1e16].map(formatGrpcTimeout), [
    '0m',
    '300m',
    '99999999m',
    '100000S',
    '16666666M',
    '99999999H',
  ])
})

test('messages keep every byte', () => {
  const text = 'a%b\n\u00e4\u0000 ~'
  assert.equal(encodeGrpcMessage(text), 'a%25b%0A%E4%00 ~')
  assert.equal(decodeGrpcMessage(encodeGrpcMessage(text)), text)
  assert.equal(decodeGrpcMessage('100%, %zz %'), '100%, %zz %')
})
