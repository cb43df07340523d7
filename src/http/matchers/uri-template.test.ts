import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseUriTemplate, UriTemplate } from './uri-template.ts'

function template(text: string): UriTemplate {
  const parsed = parseUriTemplate(text)
  assert.ok(parsed instanceof UriTemplate, `${text}: ${String(parsed)}`)
  return parsed
}

test('what templates match', () => {
  const rows: [string, readonly string[], readonly string[]][] = [
    ['/a/*', ['/a/x', '/a/%2F'], ['/a/x/y', '/a/', '/a/x"y']],
    ['/b/**', ['/b/', '/b/x/y/', '/b/x*y'], ['/b', '/b/a|b']],
    ['/c/{x}.json', ['/c/foo.json'], ['/c/.json', '/c/foo_json']],
    ['/e/{x=foo/*}/z', ['/e/foo/1/z'], ['/e/bar/1/z']],
    ['/i/{x=**}.m3u8', ['/i/v/1.m3u8'], ['/i/v']],
    ['/n/**/c', ['/n/x/c', '/n/x/y/c'], ['/n/c']],
    ['/n/a{b}c', ['/n/a:b@c'], ['/n/ac']],
    ['/n/*/**', ['/n/a/', '/n/a/b/c'], ['/n/a']],
    ['/n/{a=*/*}', ['/n/a/b'], ['/n/a', '/n/a/b/c']],
    ['/h/lit.eral', ['/h/lit.eral'], ['/h/litXeral']],
    ['/j/', ['/j/'], ['/j']],
  ]
  for (const [text, matching, other] of rows) {
    const parsed = template(text)
    for (const path of matching) assert.ok(parsed.matches(path), `${text} takes ${path}`)
    for (const path of other) assert.ok(!parsed.matches(path), `${text} leaves ${path}`)
  }
})

test('what is no template', () => {
  const bad = [
    '',
    'n/*',
    '/n/**/{a}',
    '/n/**/*',
    '/n/{a}{b}',
    '/n/{a=}',
    '/n/{1a}',
    '/n/{a}/{a}',
    '/n/{a',
    '/n/a}',
    '/n//y',
    '/n/[a]',
  ]
  for (const text of [...bad, '/n/a b', '/n/é', '/n/a*', '/{a}/{b}/{c}/{d}/{e}/{f}', '/{abcdefghijklmnopq}']) {
    assert.equal(typeof parseUriTemplate(text), 'string', text)
  }
})

test('rewrites', () => {
  const rewriter = template('/a/{x}/{y=**}').rewriter('/{y}/b/{x}')
  assert.ok(typeof rewriter !== 'string')
  assert.equal(rewriter('/a/1/2/3'), '/2/3/b/1')
  for (const bad of ['b', '/{z}', '/*', '/{x']) assert.equal(typeof template('/a/{x}').rewriter(bad), 'string', bad)
})
