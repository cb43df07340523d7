import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { HeaderMatcherJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import { type CompileContext, ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../../config/index.ts'
import { HeaderName } from '../header-name.ts'
import { HeaderMap } from '../headers.ts'
import { compileHeaderMatcher } from './header-matcher.ts'
import { queryParameter } from './query-parameter-matcher.ts'

const context: CompileContext = {
  diagnostics: new Diagnostics(),
  extensions: new ExtensionRegistry(),
  node: {},
  runtime: runtimeSnapshot([]),
  hasCluster: () => true,
  readFile: path => Buffer.from(path),
}

function headersWith(values: readonly string[]): HeaderMap {
  const headers = new HeaderMap()
  headers.method = 'GET'
  headers.path = '/p'
  headers.authority = 'svc.test'
  for (const value of values) headers.append(HeaderName.of('x'), value)
  return headers
}

// As a real Envoy answers. Columns: no header; '', v, 3, [w, v], 03, +3, 3x, ',v'.
const REQUESTS: readonly (readonly string[])[] = [[], [''], ['v'], ['3'], ['w', 'v'], ['03'], ['+3'], ['3x'], [',v']]

test('every kind, inverted and with missing headers taken as empty', () => {
  const kinds: [string, HeaderMatcherJson, [plain: string, missingIsEmpty: string, inverted: string, both: string]][] =
    [
      ['present', { presentMatch: true }, ['011111111', '111111111', '100000000', '000000000']],
      ['absent', { presentMatch: false }, ['100000000', '000000000', '011111111', '111111111']],
      ['nothing said', {}, ['011111111', '111111111', '100000000', '000000000']],
      ['exact empty', { stringMatch: { exact: '' } }, ['010000000', '110000000', '001111111', '001111111']],
      ['exact', { stringMatch: { exact: 'v' } }, ['001010000', '001010000', '010101111', '110101111']],
      ['prefix', { stringMatch: { prefix: 'v' } }, ['001010000', '001010000', '010101111', '110101111']],
      ['range', { rangeMatch: { start: '-5', end: '5' } }, ['000101100', '000101100', '011010011', '111010011']],
      ['regex', { stringMatch: { safeRegex: { regex: '.*' } } }, ['011111111', '111111111', '000000000', '000000000']],
    ]
  for (const [kind, matcher, wanted] of kinds) {
    for (const [variant, want] of wanted.entries()) {
      const compiled = compileHeaderMatcher(
        { name: 'X', ...matcher, treatMissingHeaderAsEmpty: variant % 2 === 1, invertMatch: variant > 1 },
        context,
        ConfigPath.root,
      )
      const got = REQUESTS.map(values => (compiled.matches(headersWith(values)) ? '1' : '0')).join('')
      assert.equal(got, want, `${kind} ${variant}`)
    }
  }
  assert.deepEqual(context.diagnostics.list, [])
})

test('pseudo headers and the host', () => {
  const exact = (name: string, value: string): boolean =>
    compileHeaderMatcher({ name, stringMatch: { exact: value } }, context, ConfigPath.root).matches(headersWith([]))
  assert.ok(
    exact(':method', 'GET') && exact(':path', '/p') && exact(':authority', 'svc.test') && exact('host', 'svc.test'),
  )
  assert.ok(!exact(':method', 'PUT') && !exact(':status', '200'))
})

test('ignoring case', () => {
  const matcher = { name: 'x', stringMatch: { suffix: 'MiX', ignoreCase: true } }
  assert.ok(compileHeaderMatcher(matcher, context, ConfigPath.root).matches(headersWith(['remIX'])))
})

test('the first query parameter of a name counts', () => {
  const rows: [string, string | undefined][] = [
    ['/?a=1&a=2', '1'],
    ['/?ab=1', undefined],
    ['/?b=a=1', undefined],
    ['/?a', ''],
    ['/?a&b', ''],
    ['/?a=', ''],
    ['/?b&a=x=y#f', 'x=y'],
    ['/#?a=1', '1'],
    ['/a=1', undefined],
  ]
  for (const [path, want] of rows) assert.equal(queryParameter(path, 'a'), want, path)
})
