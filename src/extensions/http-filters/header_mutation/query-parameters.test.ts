import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KeyValueMutationJson } from '#api/envoy/config/core/v3/base_pb.ts'
import {
  type CompileContext,
  ConfigPath,
  Diagnostics,
  ExtensionRegistry,
  runtimeSnapshot,
} from '../../../config/index.ts'
import { HeaderMap } from '../../../http/index.ts'
import type { FormatContext } from '../../../observability/index.ts'
import { compileQueryParameters } from './query-parameters.ts'

const context: CompileContext = {
  diagnostics: new Diagnostics(),
  extensions: new ExtensionRegistry(),
  node: {},
  runtime: runtimeSnapshot([]),
  hasCluster: () => true,
  readFile: path => Buffer.from(path),
}

function mutated(path: string, mutations: KeyValueMutationJson[]): string {
  const headers = new HeaderMap()
  headers.method = 'GET'
  headers.path = path
  const formats = { requestHeaders: headers, responseHeaders: null, responseTrailers: null } as unknown as FormatContext
  compileQueryParameters(mutations, context, ConfigPath.root).apply(headers, formats)
  return headers.path
}

test('an escape that would change what the query means stays one', () => {
  const remove: KeyValueMutationJson[] = [{ remove: 'gone' }]
  const rows = [
    ['/p?a=1%26admin=1', '/p?a=1%26admin=1'],
    ['/p?a%3Db=1', '/p?a%3Db=1'],
    ['/p?a=x%20y%09', '/p?a=x%20y%09'],
    ['/p?a=%23f%25%34%31', '/p?a=%23f%2541'],
    ['/p?a=%0d%0aHost:x', '/p?a=%0D%0AHost:x'],
    ['/p?a=%41%2f', '/p?a=A/'],
    ['/p?g%6fne=1&a=2', '/p?a=2'],
    ['/p?gone=1', '/p'],
    ['/p?a=100%', '/p?a=100%'],
  ]
  for (const [path, expected] of rows) assert.equal(mutated(path!, remove), expected)
})

test('what a client sends through a format stays one value', () => {
  const mutations: KeyValueMutationJson[] = [{ append: { record: { key: 'p', value: '%REQ(:PATH)%' } } }]
  assert.equal(mutated('/x?q=1&r=2', mutations), '/x?p=%2Fx%3Fq%3D1%26r%3D2&q=1&r=2')
})

test('mutations that say nothing are errors', () => {
  mutated('/', [
    {},
    { append: { record: { key: 'a', value: 1 } } },
    { append: { record: { key: 'a', value: '%NO%' } } },
  ])
  assert.deepEqual(
    context.diagnostics.list.map(({ path }) => path),
    ['[0]', '[1].append.record', '[2].append.record.value'],
  )
})
