import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RBACJson } from '#api/envoy/config/rbac/v3/rbac_pb.ts'
import { ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../../config/index.ts'
import { type ConnectionInfo, StreamInfo } from '../../observability/index.ts'
import type { RbacScope } from './rule.ts'
import { RbacRules } from './rules.ts'

function compile(principal: object, scope: RbacScope = 'http', policy: object = {}) {
  const diagnostics = new Diagnostics()
  const context = {
    diagnostics,
    extensions: new ExtensionRegistry(),
    node: {},
    runtime: runtimeSnapshot([]),
    hasCluster: () => true,
    readFile: () => Buffer.alloc(0),
  }
  const json = { policies: { p: { permissions: [{ any: true }], principals: [principal], ...policy } } } as RBACJson
  const rules = new RbacRules(json, scope, context, ConfigPath.root.field('rules'))
  return { rules, problems: diagnostics.list.map(({ path, message }) => `${path}: ${message}`) }
}

function matches(principal: object, certificate: object | null, state: Record<string, unknown> = {}): boolean {
  const ssl = certificate === null ? null : { peerCertificatePresented: true, peerCertificate: certificate }
  const connection = { remoteAddress: '10.0.0.1:5', localAddress: '10.0.0.2:80', ssl }
  const info = new StreamInfo(connection as unknown as ConnectionInfo, 0)
  info.filterState = new Map(Object.entries(state))
  return compile(principal).rules.decide({ info, headers: null, route: null }).policy === 'p'
}

test('who showed a certificate, by URI, DNS name or subject', () => {
  const certificate = { uriSans: ['spiffe://x/a'], dnsSans: ['a.test'], subject: 'CN=a' }
  assert.equal(matches({ authenticated: {} }, certificate), true)
  assert.equal(matches({ authenticated: {} }, null), false)
  const named = (exact: string): object => ({ authenticated: { principalName: { exact } } })
  for (const name of ['spiffe://x/a', 'a.test', 'CN=a']) assert.equal(matches(named(name), certificate), true)
  assert.equal(matches(named('b.test'), certificate), false)
  assert.equal(matches(named('a.test'), null), false)
})

test('conditions hold beside permissions and principals, of requests and of connections', () => {
  const call = (name: string, ...args: object[]): object => ({ callExpr: { function: name, args } })
  const port = { selectExpr: { operand: { identExpr: { name: 'destination' } }, field: 'port' } }
  const isPort = (number: string): object => call('_==_', port, { constExpr: { int64Value: number } })
  const decides = (policy: object): boolean => {
    const { rules, problems } = compile({ any: true }, 'network', policy)
    assert.deepEqual(problems, [])
    const connection = { remoteAddress: '10.0.0.1:5', localAddress: '10.0.0.2:80', ssl: null }
    const info = new StreamInfo(connection as unknown as ConnectionInfo, 0)
    return rules.decide({ info, headers: null, route: null }).policy === 'p'
  }
  assert.equal(decides({ condition: isPort('80') }), true)
  assert.equal(decides({ condition: isPort('81') }), false)
  // Envoy does not look at these.
  assert.equal(decides({ checkedCondition: { expr: isPort('80') } }), true)
  assert.equal(decides({ checkedCondition: { expr: isPort('81') } }), false)
  const { problems } = compile({ any: true }, 'http', { condition: call('nothing') })
  assert.match(problems[0] ?? '', /^rules\.policies.*condition: not a CEL expression .*no function nothing/)
})

test('filter state as text or as an address', () => {
  const text = { filterState: { key: 'k', stringMatch: { exact: 'v' } } }
  assert.deepEqual(
    [matches(text, null, { k: 'v' }), matches(text, null, { k: 'w' }), matches(text, null)],
    [true, false, false],
  )
  const address = { filterState: { key: 'k', addressMatch: { ranges: [{ addressPrefix: '10.0.0.0', prefixLen: 8 }] } } }
  assert.deepEqual(
    [matches(address, null, { k: '10.1.2.3' }), matches(address, null, { k: '11.0.0.1' })],
    [true, false],
  )
})

test('connections have no headers and no path', () => {
  assert.deepEqual(compile({ header: { name: 'x' } }, 'network').problems, [
    'rules.policies.p.principals[0].header: only HTTP requests have a header',
  ])
  assert.deepEqual(compile({ notId: { urlPath: {} } }, 'network').problems, [
    'rules.policies.p.principals[0].not_id.url_path: only HTTP requests have a url_path',
  ])
})
