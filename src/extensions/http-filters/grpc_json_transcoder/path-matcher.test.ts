import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PathMatcher, queryBindings } from './path-matcher.ts'
import { parseTemplate } from './path-template.ts'
import { type UnescapeSpec, urlUnescape } from './url-unescape.ts'

test('templates that are none', () => {
  for (const text of [
    '',
    'a',
    '/a/',
    '//',
    '/{',
    '/{a',
    '/{a=}',
    '/{a}b',
    '/{a={b}}',
    '/{1}',
    '/**/**',
    '/a:',
    '/a=b',
    '/{a.}',
  ])
    assert.equal(parseTemplate(text), null, text)
  for (const text of ['/', '/a', '/a/*', '/**', '/{a}', '/{a.b_c=x/*/**}/y:verb', '/**/x', '/a:b:c'])
    assert.notEqual(parseTemplate(text), null, text)
})

function matcher(rules: readonly (readonly [method: string, template: string])[]): PathMatcher<string> {
  const made = new PathMatcher<string>('ALL_CHARACTERS_EXCEPT_RESERVED', false)
  for (const [method, template] of rules) assert.ok(made.add(method, template, `${method} ${template}`), template)
  return made
}

const found = (of: PathMatcher<string>, method: string, path: string) => {
  const match = of.find(method, path)
  if (match === null) return null
  return [match.target, ...match.bindings.map(({ fieldPath, value }) => `${fieldPath.join('.')}=${value}`)]
}

test('literals before one segment before the rest, and back where that leads nowhere', () => {
  const paths = matcher([
    ['GET', '/v1/a/b'],
    ['GET', '/v1/{x}/b'],
    ['GET', '/v1/a/{y}/c'],
    ['GET', '/v1/{rest=**}'],
    ['POST', '/v1/a/b'],
    ['*', '/any/{x}'],
    ['PUT', '/any/{x}'],
    ['GET', '/v2/{all=**}/tail'],
    ['GET', '/'],
  ])
  assert.deepEqual(found(paths, 'GET', '/v1/a/b'), ['GET /v1/a/b'])
  assert.deepEqual(found(paths, 'GET', '/v1/z/b'), ['GET /v1/{x}/b', 'x=z'])
  assert.deepEqual(found(paths, 'GET', '/v1/a/b/c'), ['GET /v1/a/{y}/c', 'y=b'])
  assert.deepEqual(found(paths, 'GET', '/v1/a/b/d'), ['GET /v1/{rest=**}', 'rest=a/b/d'])
  assert.deepEqual(found(paths, 'GET', '/v1'), ['GET /v1/{rest=**}', 'rest='])
  assert.deepEqual(found(paths, 'POST', '/v1/a/b/'), ['POST /v1/a/b'])
  assert.deepEqual(found(paths, 'DELETE', '/any/1'), ['* /any/{x}', 'x=1'])
  assert.deepEqual(found(paths, 'PUT', '/any/1'), ['PUT /any/{x}', 'x=1'])
  assert.deepEqual(found(paths, 'GET', '/v2/a/tail/b/tail'), ['GET /v2/{all=**}/tail', 'all=a/tail/b'])
  assert.deepEqual(found(paths, 'GET', '/v2/tail'), ['GET /v2/{all=**}/tail', 'all='])
  assert.deepEqual(found(paths, 'GET', '/'), ['GET /'])
  assert.equal(found(paths, 'GET', '/v3'), null)
  assert.equal(found(paths, 'PATCH', '/v1/a/b'), null)
})

test('verbs', () => {
  const paths = matcher([
    ['POST', '/v1/{name=items/*}:archive'],
    ['POST', '/v1/{name=items/*}'],
    ['POST', '/v1/{rest=files/**}:read'],
  ])
  assert.deepEqual(found(paths, 'POST', '/v1/items/7:archive'), ['POST /v1/{name=items/*}:archive', 'name=items/7'])
  assert.deepEqual(found(paths, 'POST', '/v1/items/7:other'), ['POST /v1/{name=items/*}', 'name=items/7:other'])
  assert.deepEqual(found(paths, 'POST', '/v1/files/a/b:read'), ['POST /v1/{rest=files/**}:read', 'rest=files/a/b'])
  assert.equal(found(paths, 'POST', '/v1/files/a:b/c'), null)
})

test('a template that is taken', () => {
  const paths = matcher([['GET', '/v1/{a}']])
  assert.ok(!paths.add('GET', '/v1/{b}', 'again'))
  assert.ok(paths.add('PUT', '/v1/{b}', 'other method'))
})

test('hostile paths cost no more than their length', () => {
  const paths = matcher([
    ['GET', '/{rest=**}/a/a/a/a/b'],
    ['GET', '/*/*/*/*/*/*/*/*/x'],
    ['GET', '/a/*/a/*/a/*/a/*/x'],
  ])
  const started = performance.now()
  assert.equal(found(paths, 'GET', '/a'.repeat(8000)), null)
  assert.ok(performance.now() - started < 2000)
})

test('escapes', () => {
  const all: readonly (readonly [string, UnescapeSpec, boolean, string])[] = [
    ['a%2Fb%3a%41', 'ALL_CHARACTERS_EXCEPT_RESERVED', false, 'a%2Fb%3aA'],
    ['a%2Fb%3a%41', 'ALL_CHARACTERS_EXCEPT_SLASH', false, 'a%2Fb:A'],
    ['a%2Fb%3a%41', 'ALL_CHARACTERS', false, 'a/b:A'],
    ['a+b%2B', 'ALL_CHARACTERS', true, 'a b+'],
    ['a+b', 'ALL_CHARACTERS', false, 'a+b'],
    ['%C3%A4%zz%4', 'ALL_CHARACTERS', false, '\u00e4%zz%4'],
    ['\u00c3\u00a4', 'ALL_CHARACTERS', false, '\u00e4'],
  ]
  for (const [text, spec, plus, expected] of all) assert.equal(urlUnescape(text, spec, plus), expected, text)
})

test('queries', () => {
  const read = (query: string) =>
    queryBindings(query, new Set(['key']), false).map(({ fieldPath, value }) => `${fieldPath.join('/')}=${value}`)
  assert.deepEqual(read('a=1&b.c=%20&key=2&d&=3&e=&a=4=5'), ['a=1', 'b/c= ', 'e=', 'a=4=5'])
})
