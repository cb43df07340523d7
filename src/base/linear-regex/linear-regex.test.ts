import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RE2JS } from 're2js'
import { fuzz } from '../../../test/harness/fuzz.ts'
import { compileLinearRegex, type LinearRegex } from './linear-regex.ts'
import { compileSubstitution } from './substitution.ts'
import { translateUnambiguous } from './unambiguous.ts'

function compiled(pattern: string): LinearRegex {
  const regex = compileLinearRegex(pattern)
  assert.ok(!('error' in regex), `${pattern} compiles`)
  return regex
}

function replaced(pattern: string, text: string, substitution: string): string {
  const regex = compiled(pattern)
  const parsed = compileSubstitution(substitution, regex.groupCount)
  assert.ok(!('error' in parsed))
  return regex.replaceAll(text, parsed)
}

test('matches the whole text', () => {
  assert.equal(compiled('/re/[0-9]+(/x)?').matches('/re/12/x'), true)
  assert.equal(compiled('/re/[0-9]+(/x)?').matches('/re/12/xy'), false)
  assert.equal(compiled('a|ab').matches('ab'), true)
  assert.equal(compiled('(?i)abc').matches('aBc'), true)
  assert.equal(compiled('.').matches('Ã©'), false, 'two bytes are two characters')
  assert.equal(compiled('[^a]{2}').matches('Ã©'), true)
  assert.equal(compiled('é').matches('Ã©'), true)
})

test('rejects what RE2 rejects', () => {
  for (const pattern of ['(', 'a**', '(?=a)', '\\1', '[b-a]', 'a{1001}']) {
    assert.ok('error' in compileLinearRegex(pattern), pattern)
  }
})

test('replaces as RE2 does', () => {
  const rows: [string, string, string, string][] = [
    ['^/r/([^/]+)/(.*)$', '/r/one/two/three', '/\\2/as/\\1', '/two/three/as/one'],
    ['a', '/all/a', 'bb', '/bbll/bb'],
    ['a*', 'baac', 'x', 'xbxcx'],
    ['', 'ab', '-', '-a-b-'],
    ['(b)?c', 'ac', '[\\1]', 'a[]'],
    ['x', 'abc', 'y', 'abc'],
    ['\\xc3', 'aÃ©b', '', 'a©b'],
    ['\\w+', 'ab cd', '<\\0>\\\\', '<ab>\\ <cd>\\'],
    ['é', 'aÃ©b', 'ü', 'aÃ¼b'],
    ['^a', 'aaa', 'b', 'baa'],
  ]
  for (const [pattern, text, substitution, want] of rows) assert.equal(replaced(pattern, text, substitution), want)
})

test('a substitution must fit its pattern', () => {
  assert.ok('error' in compileSubstitution('\\2', 1))
  assert.ok('error' in compileSubstitution('\\x', 1))
  assert.ok('error' in compileSubstitution('a\\', 1))
})

test('only patterns that cannot backtrack run on V8', () => {
  const safe = [
    '/re/[0-9]+(/x)?',
    '.*\\.(png|jpg|gif)',
    '/api/v[0-9]+/[^/]+/x',
    '.*',
    'a?b?c',
    '[a-z]{2,5}-x',
    '(a|b)c',
  ]
  const unsafe = [
    '(a+)+',
    '(a*)*b',
    '.*a.*b',
    '(a|a)+',
    '(a|b)*c',
    'a*?',
    '[a-z]+[a-z0-9]+x',
    '(?i)a',
    '\\pL',
    'é',
    '[[:alpha:]]',
  ]
  for (const pattern of safe) assert.ok(translateUnambiguous(pattern), pattern)
  for (const pattern of unsafe) assert.equal(translateUnambiguous(pattern), null, pattern)
})

test('stays linear on hostile patterns', () => {
  const text = `${'a'.repeat(20_000)}!`
  const started = performance.now()
  for (const pattern of ['(a+)+', '(a|aa)*b', '.*a.*a.*a.*b', '([a-z]+)*x']) compiled(pattern).matches(text)
  assert.ok(performance.now() - started < 2000)
})

test('a literal prefix is what every match begins with', () => {
  const rows: [string, string][] = [
    ['/re/[0-9]+', '/re/'],
    ['^/a\\.b/.*$', '/a.b/'],
    ['/ab?', '/a'],
    ['/ab{0}', '/a'],
    ['a|b', ''],
    ['ab(c)|d', ''],
    ['ab(c|d)', 'ab'],
    ['ab[|]c', 'ab'],
    ['ab[]|]c', 'ab'],
    ['(?i)ab', ''],
    ['ab\\Q|\\E', ''],
    ['a.b', 'a'],
  ]
  for (const [pattern, want] of rows) assert.equal(compiled(pattern).literalPrefix, want, pattern)
})

test('V8 and RE2JS agree on random patterns', () => {
  const atoms = [
    'a',
    'b',
    '[ab]',
    '[^a]',
    '.',
    '\\d',
    '1',
    '/',
    '(a|b)',
    '(a)?',
    '(?:b|1)',
    'a*',
    'b+',
    '[a1]*',
    '/?',
    'a{1,2}',
  ]
  fuzz(random => {
    const pattern = Array.from({ length: 1 + random.below(5) }, () => random.pick(atoms)).join('')
    const regex = compiled(pattern)
    const reference = RE2JS.compile(pattern)
    for (let i = 0; i < 6; i++) {
      const text = Array.from({ length: random.below(7) }, () => 'ab1/\xff'[random.below(5)]).join('')
      assert.equal(regex.matches(text), reference.matches(text), `${pattern} on ${text}`)
      if (regex.matches(text)) assert.ok(text.startsWith(regex.literalPrefix), `${pattern} on ${text}`)
    }
  })
  const translated = atoms.filter(atom => translateUnambiguous(atom) !== null)
  assert.ok(translated.length > atoms.length / 2)
})
