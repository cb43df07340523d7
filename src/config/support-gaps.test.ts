import assert from 'node:assert/strict'
import { test } from 'node:test'
import { schemaTable } from './schema/table.ts'
import type { MessageSupport } from './support.ts'
import { supportGaps } from './support-gaps.ts'

const PIPE = 'envoy.config.core.v3.Pipe'

function gaps(support: Partial<MessageSupport>): readonly string[] {
  return supportGaps(schemaTable(), [
    { typeName: PIPE, supported: [], refused: {}, values: {}, accepted: {}, ...support },
  ])
}

test('a complete declaration has no gaps', () => {
  assert.deepEqual(gaps({ supported: ['path'], refused: { mode: 'why' } }), [])
})

test('a forgotten, an invented and a doubly listed field are found', () => {
  assert.deepEqual(gaps({ supported: ['path'] }), [`${PIPE}.mode: neither supported nor refused nor accepted`])
  assert.deepEqual(gaps({ supported: ['path', 'mode', 'moode'] }), [`${PIPE}.moode: no such field`])
  assert.deepEqual(gaps({ supported: ['path', 'mode'], refused: { mode: 'why' } }), [
    `${PIPE}.mode: both supported and refused`,
  ])
  assert.deepEqual(gaps({ typeName: 'envoy.Nothing' }), ['envoy.Nothing: no such message'])
})

test('a supported message field needs a declaration of its message, and refused values must exist', () => {
  const typeName = 'envoy.config.core.v3.HealthCheck.TcpHealthCheck'
  assert.deepEqual(gaps({ typeName, supported: ['send', 'receive'], refused: { proxy_protocol_config: 'why' } }), [
    `${typeName}.send: supported, but nobody declares envoy.config.core.v3.HealthCheck.Payload`,
    `${typeName}.receive: supported, but nobody declares envoy.config.core.v3.HealthCheck.Payload`,
  ])
  const address = 'envoy.config.core.v3.SocketAddress'
  const refused = { named_port: '', resolver_name: '', ipv4_compat: '', network_namespace_filepath: '' }
  const supported = ['protocol', 'address', 'port_value']
  assert.deepEqual(gaps({ typeName: address, supported, refused, values: { protocol: { SCTP: 'why' } } }), [
    `${address}.protocol: no value SCTP in envoy.config.core.v3.SocketAddress.Protocol`,
  ])
})
