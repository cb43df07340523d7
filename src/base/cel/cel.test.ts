import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CelError, type CelOptions, type CelResult, type CelValue, compileCel, parseCel } from './index.ts'

const EVERYTHING: CelOptions = { stringConversion: true, stringConcat: true, stringFunctions: true }

function run(text: string, values: Readonly<Record<string, CelValue>> = {}, options = EVERYTHING): CelResult {
  const tree = parseCel(text)
  assert.ok(!('error' in tree), 'error' in tree ? tree.error : '')
  const evaluate = compileCel(tree, options)
  assert.ok(typeof evaluate === 'function', 'error' in evaluate ? evaluate.error : '')
  return evaluate({ resolve: name => values[name] })
}

function refusal(text: string, options: CelOptions = EVERYTHING): string {
  const tree = parseCel(text)
  if ('error' in tree) return `${tree.error} at ${tree.offset}`
  const evaluate = compileCel(tree, options)
  return 'error' in evaluate ? evaluate.error : 'none'
}

test('where the text of an expression is wrong', () => {
  assert.equal(refusal('1 +'), 'it ends too early at 3')
  assert.equal(refusal('(1'), 'expected ")", found the end at 2')
  assert.equal(refusal('a b'), 'unexpected "b" at 2')
  assert.equal(refusal("'abc"), 'unexpected "\'" at 0')
  assert.equal(refusal('a ? b'), 'expected ":", found the end at 5')
  assert.equal(refusal("'\\q'"), 'unknown escape in a string at 0')
  assert.equal(refusal('if'), 'if is a reserved word at 0')
  assert.equal(refusal('has(1)'), 'has() takes one field, such as has(request.path) at 6')
  assert.equal(refusal('9223372036854775808'), 'the number is out of range at 0')
})

test('what cannot be evaluated is known before', () => {
  assert.match(refusal('[1].all(x, x > 0)'), /comprehensions .* are disabled/)
  assert.match(refusal('a.b.exists(x, x)'), /comprehensions/)
  assert.equal(refusal('Type{a: 1}'), 'messages cannot be made in expressions at 5')
  assert.equal(refusal('lower(a)'), 'no function lower that is called like this')
  assert.equal(refusal('size(a, b)'), 'no function size that is called like this')
  assert.equal(refusal('a.lowerAscii()', {}), 'no function lowerAscii that is called like this')
  assert.match(refusal("a.matches('(')"), /not a valid RE2 pattern/)
})

test('an expression that nests too deep is refused, and does not exhaust the stack', () => {
  const deep = 100_000
  for (const text of [
    `${'('.repeat(deep)}1${')'.repeat(deep)}`,
    `${'!'.repeat(deep)}true`,
    `${'['.repeat(deep)}${']'.repeat(deep)}`,
    `1${'+1'.repeat(deep)}`,
    `a${'.b'.repeat(deep)}`,
  ]) {
    assert.match(refusal(text), /it nests too deep/)
  }
  assert.equal(run(`${'('.repeat(150)}1${')'.repeat(150)}`), 1n)
})

test('texts that functions put together stay short', () => {
  const text = 'a'.repeat(60_000)
  const grown = run("text.replace('a', text)", { text })
  assert.ok(grown instanceof CelError)
  assert.equal(grown.reason, 'the text becomes too long')
  assert.ok(run("text.split('').join(text)", { text }) instanceof CelError)
  assert.equal(run("text.replace('a', 'bb').size()", { text }), 120_000n)
})

test('patterns of requests are small, and take linear time', () => {
  const text = `${'a'.repeat(60_000)}!`
  const began = performance.now()
  assert.equal(run('text.matches(pattern)', { text, pattern: '(a+)+$' }), false)
  assert.ok(performance.now() - began < 2000)
  for (const pattern of ['(', 'x{1000}', 'y'.repeat(65)]) {
    assert.ok(run('text.matches(pattern)', { text, pattern }) instanceof CelError)
  }
})

test('characters of texts that are not ASCII are counted, not bytes', () => {
  const text = Buffer.from('été').toString('latin1')
  assert.equal(run('text.size()', { text }), 3n)
  assert.equal(run("text == 'été'", { text }), true)
  assert.equal(run('text.substring(1, 2)', { text }), 't')
  assert.equal(run("text.matches('^.t.$')", { text }), true)
})
