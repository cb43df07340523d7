import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseYaml } from './parse-yaml.ts'

const value = (text: string) => {
  const result = parseYaml(text)
  assert.deepEqual(result.problems, [], text)
  return result.value
}

const problem = (text: string) => {
  const [first] = parseYaml(text).problems
  assert.ok(first, `${text} passes`)
  return first
}

test('plain scalars are read as Envoy reads them', () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ['yes', true],
    ['On', true],
    ['n', false],
    ['OFF', false],
    ['yEs', 'yEs'],
    ['~', null],
    ['null', null],
    ['010', 8],
    ['089', '089'],
    ['0x20', 32],
    ['-5', -5],
    ['+5', 5],
    ['1e3', '1e3'],
    ['2.0', '2.0'],
    ['.5', '.5'],
    ['.inf', '.inf'],
    ['.nan', '.nan'],
    ['1_000', '1_000'],
    ['2147483647', 2147483647],
    ['2147483648', '2147483648'],
    ['18446744073709551615', '18446744073709551615'],
    ['127.0.0.1', '127.0.0.1'],
    ['1.5s', '1.5s'],
    ['-', '-'],
    ['word', 'word'],
  ]
  for (const [text, expected] of cases.filter(([text]) => text !== '-')) {
    assert.deepEqual(value(`a: ${text}`), { a: expected }, text)
    assert.deepEqual(value(`[${text}]`), [expected], text)
  }
})

test('in a JSON text numbers are numbers, unless a double would lose digits', () => {
  const { value: numbers } = parseYaml(
    '{"a": 1.5, "b": 1e3, "c": 5000000000, "d": 18446744073709551615, "e": "1.5"}',
    true,
  )
  assert.deepEqual(numbers, { a: 1.5, b: 1000, c: 5000000000, d: '18446744073709551615', e: '1.5' })
})

test('quoted scalars and block scalars stay text', () => {
  assert.deepEqual(value('a: "yes"\nb: \'010\'\nc: |\n  1\n  2\nd: >-\n  x\n  y\n'), {
    a: 'yes',
    b: '010',
    c: '1\n2\n',
    d: 'x y',
  })
  assert.deepEqual(value('a: "\\u0041\\x42\\n"'), { a: 'AB\n' })
})

test('keys are text as written', () => {
  assert.deepEqual(value('yes: 1\n010: 2\n~: 3\n'), { yes: 1, '010': 2, '~': 3 })
})

test('a byte order mark, CRLF, comments, an empty file and explicit document marks pass', () => {
  assert.deepEqual(value('\uFEFFa: 1\r\n# note\r\nb: 2\r\n'), { a: 1, b: 2 })
  assert.equal(value(''), null)
  assert.deepEqual(value('---\na: 1\n...\n'), { a: 1 })
})

test('anchors and aliases stand for the value, and !ignore drops its key', () => {
  assert.deepEqual(value('a: &x {b: 1}\nc: [*x, *x]\n'), { a: { b: 1 }, c: [{ b: 1 }, { b: 1 }] })
  assert.deepEqual(value('!ignore a: &x {b: 1}\nc: *x\n'), { c: { b: 1 } })
})

test('what Envoy refuses or loses in silence is a problem at its place', () => {
  assert.deepEqual(problem('a: 1\nb: 2\na: 3\n'), {
    offset: 10,
    message: "'a' is set twice in the same mapping",
    code: 'duplicate-key',
    path: 'a',
  })
  assert.equal(problem('a:\n- {}\n- b/c: {d: 1, d: 2}\n').path, 'a[1]["b/c"].d')
  assert.equal(problem('x: &x {a: 1}\ny:\n  <<: *x\n').code, 'merge-key')
  assert.equal(problem('a: 1\n---\nb: 2\n').code, 'second-document')
  assert.equal(problem('a: *nobody\n').code, 'unknown-alias')
  assert.equal(problem('? [a, b]\n: 1\n').code, 'complex-key')
  assert.equal(problem('__proto__: 1\n').code, 'forbidden-key')
  assert.deepEqual(problem('a: [1, 2\nb: 3').code, 'syntax')
})

test('aliases cannot blow up: neither in number nor in depth', () => {
  const wide = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
  for (let i = 1; i < 9; i++) wide.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(', ')}]`)
  assert.equal(problem(wide.join('\n')).code, 'alias-limit')
  const deep = ['a0: &a0 [x]']
  for (let i = 1; i < 5000; i++) deep.push(`a${i}: &a${i} [*a${i - 1}]`)
  assert.equal(problem(deep.join('\n')).code, 'alias-limit')
})
