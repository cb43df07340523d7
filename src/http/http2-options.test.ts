import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Http2ProtocolOptionsJson } from '#api/envoy/config/core/v3/protocol_pb.ts'
import { type CompileContext, ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../config/index.ts'
import { DEFAULT_HTTP2_OPTIONS, type Http2Options } from './codec/http2/options.ts'
import { compileHttp2Options } from './http2-options.ts'

function compile(json: Http2ProtocolOptionsJson | undefined): { options: Http2Options; errors: string[] } {
  const context: CompileContext = {
    diagnostics: new Diagnostics(),
    extensions: new ExtensionRegistry(),
    node: {},
    runtime: runtimeSnapshot([]),
    hasCluster: () => true,
    readFile: path => Buffer.from(path),
  }
  const options = compileHttp2Options(json, DEFAULT_HTTP2_OPTIONS.limits, context, ConfigPath.root)
  return { options, errors: context.diagnostics.list.map(({ message }) => message) }
}

test('nothing configured: the defaults', () => {
  assert.deepEqual(compile(undefined), { options: DEFAULT_HTTP2_OPTIONS, errors: [] })
})

test('the newer of two fields for invalid messages wins, in both directions', () => {
  const lenient = (json: Http2ProtocolOptionsJson): boolean => compile(json).options.streamErrorOnInvalidMessage
  assert.equal(lenient({ streamErrorOnInvalidHttpMessaging: true }), true)
  assert.equal(lenient({ overrideStreamErrorOnInvalidHttpMessage: true }), true)
  assert.equal(
    lenient({ streamErrorOnInvalidHttpMessaging: true, overrideStreamErrorOnInvalidHttpMessage: false }),
    false,
  )
})

test('keepalive times in ms, with 15 % jitter by default', () => {
  assert.deepEqual(compile({ connectionKeepalive: { interval: '30s', timeout: '2.5s' } }).options.keepalive, {
    intervalMs: 30000,
    timeoutMs: 2500,
    jitterPercent: 15,
    idleIntervalMs: 0,
  })
})

test('custom settings: those with a field of their own, a server push and doubtful values are errors', () => {
  const custom = (...pairs: [number, number][]) =>
    compile({ customSettingsParameters: pairs.map(([identifier, value]) => ({ identifier, value })) })
  assert.deepEqual(custom([2, 0], [6, 9000], [99, 1]), {
    options: {
      ...DEFAULT_HTTP2_OPTIONS,
      customSettings: [
        { id: 6, value: 9000 },
        { id: 99, value: 1 },
      ],
    },
    errors: [],
  })
  assert.match(custom([4, 70000]).errors.join(), /initial_stream_window_size/)
  assert.match(custom([2, 1]).errors.join(), /push/)
  assert.match(custom([5, 100]).errors.join(), /MAX_FRAME_SIZE/)
  assert.match(custom([99, 1], [99, 2]).errors.join(), /twice/)
})
