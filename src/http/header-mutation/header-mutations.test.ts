import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HeaderValueOptionJson } from '#api/envoy/config/core/v3/base_pb.ts'
import { type CompileContext, ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../../config/index.ts'
import { StreamInfo } from '../../observability/index.ts'
import { HeaderName } from '../header-name.ts'
import { HeaderMap } from '../headers.ts'
import { compileHeaderMutations } from './header-mutations.ts'

const context: CompileContext = {
  diagnostics: new Diagnostics(),
  extensions: new ExtensionRegistry(),
  node: {},
  runtime: runtimeSnapshot([]),
  hasCluster: () => true,
  readFile: path => Buffer.from(path),
}
const info = new StreamInfo(
  {
    connectionId: 1,
    remoteAddress: '127.0.0.1:1000',
    directRemoteAddress: '127.0.0.1:1000',
    localAddress: '127.0.0.1:80',
    directLocalAddress: '127.0.0.1:80',
    requestedServerName: null,
    filterChainName: '',
    ssl: null,
  },
  0,
)

function mutated(add: HeaderValueOptionJson[], remove: string[], ...lines: [string, string][]): string[] {
  const headers = new HeaderMap()
  headers.method = 'GET'
  headers.path = '/p?q'
  headers.authority = 'svc.test'
  for (const [name, value] of lines) headers.append(HeaderName.of(name), value)
  compileHeaderMutations(add, remove, context, ConfigPath.root).apply(headers, headers, null, info)
  assert.deepEqual(context.diagnostics.list, [])
  const result: string[] = []
  headers.forEach((name, value) => {
    if (name !== 'host') result.push(`${name}: ${value}`)
  })
  return result
}

test('append actions', () => {
  const option = (appendAction: NonNullable<HeaderValueOptionJson['appendAction']>): HeaderValueOptionJson[] => [
    { header: { key: 'X-In', value: 'proxy' }, appendAction },
  ]
  const rows: [HeaderValueOptionJson[], string[], string[]][] = [
    [option('APPEND_IF_EXISTS_OR_ADD'), ['x-in: proxy', 'x-after: 1'], ['x-in: client', 'x-after: 1', 'x-in: proxy']],
    [option('ADD_IF_ABSENT'), ['x-in: proxy', 'x-after: 1'], ['x-in: client', 'x-after: 1']],
    [option('OVERWRITE_IF_EXISTS_OR_ADD'), ['x-in: proxy', 'x-after: 1'], ['x-after: 1', 'x-in: proxy']],
    [option('OVERWRITE_IF_EXISTS'), ['x-after: 1'], ['x-after: 1', 'x-in: proxy']],
    [[{ header: { key: 'x-in', value: 'proxy' }, append: false }], [], ['x-after: 1', 'x-in: proxy']],
  ]
  for (const [add, absent, present] of rows) {
    if (absent.length > 0) assert.deepEqual(mutated(add, [], ['x-after', '1']).sort(), absent.sort())
    assert.deepEqual(mutated(add, [], ['x-in', 'client'], ['x-after', '1']), present)
  }
})

test('values are computed before anything is written, overwrites come before additions', () => {
  const add: HeaderValueOptionJson[] = [
    { header: { key: 'x-a', value: '1' } },
    { header: { key: 'x-b', value: '%REQ(x-a)%' } },
    { header: { key: 'x-a', value: '2' }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
  ]
  assert.deepEqual(mutated(add, [], ['x-a', 'c']), ['x-a: 2', 'x-a: 1', 'x-b: c'])
})

test('formats', () => {
  const one = (value: string, keepEmptyValue = false): string[] =>
    mutated([{ header: { key: 'x-out', value }, keepEmptyValue }], [], ['x-from', 'value'])
  assert.deepEqual(one('a-%REQ(x-from)%-b %% %REQ(:path)% %REQ(:method)% %REQ(:authority)%'), [
    'x-from: value',
    'x-out: a-value-b % /p?q GET svc.test',
  ])
  assert.deepEqual(one('%REQ(x-from):3%'), ['x-from: value', 'x-out: val'])
  assert.deepEqual(one('%REQ(x-none)%'), ['x-from: value'])
  assert.deepEqual(one('%REQ(x-none)%', true), ['x-from: value', 'x-out: '])
  assert.deepEqual(one(''), ['x-from: value'])
  assert.deepEqual(one('é'), ['x-from: value', 'x-out: Ã©'])
})

test('headers the proxy knows are joined, others repeated', () => {
  const add = [{ header: { key: 'accept', value: '1' } }, { header: { key: 'x-a', value: '1' } }]
  assert.deepEqual(mutated(add, [], ['accept', '0'], ['x-a', '0']), ['accept: 0,1', 'x-a: 0', 'x-a: 1'])
})

test('removals come first', () => {
  assert.deepEqual(
    mutated([{ header: { key: 'x-a', value: 'new' } }], ['X-A', 'x-b'], ['x-a', '1'], ['x-b', '2'], ['x-c', '3']),
    ['x-c: 3', 'x-a: new'],
  )
})
