import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Flag, SERVE_FLAGS } from './flag-table.ts'
import { parseFlags } from './parse-flags.ts'

const FLAGS: readonly Flag[] = [
  { name: 'config-path', short: 'c', kind: 'text', many: true, help: '' },
  { name: 'concurrency', kind: 'number', help: '' },
  { name: 'mode', kind: 'text', choices: ['serve', 'validate'], help: '' },
  { name: 'enable-core-dump', kind: 'switch', help: '' },
]

test('a value stands behind the flag or behind an equals sign', () => {
  const flags = parseFlags(['-c', 'a.yaml', '--config-path=b.yaml', '--concurrency', '2', 'word'], FLAGS)
  assert.deepEqual(flags.lists.get('config-path'), ['a.yaml', 'b.yaml'])
  assert.equal(flags.values.get('concurrency'), '2')
  assert.deepEqual(flags.positional, ['word'])
  assert.deepEqual(flags.problems, [])
})

test('a value may hold equals signs, line breaks and dashes', () => {
  const flags = parseFlags(['--config-path=a=b\nc', '-c', '--x'], FLAGS)
  assert.deepEqual(flags.lists.get('config-path'), ['a=b\nc', '--x'])
})

test('two dashes end the flags', () => {
  assert.deepEqual(parseFlags(['--', '-c', 'x'], FLAGS).positional, ['-c', 'x'])
})

test('switches take no value', () => {
  assert.equal(parseFlags(['--enable-core-dump'], FLAGS).values.get('enable-core-dump'), 'true')
  assert.equal(parseFlags(['--enable-core-dump=false'], FLAGS).values.has('enable-core-dump'), false)
  assert.match(parseFlags(['--enable-core-dump=x'], FLAGS).problems[0]!, /takes no value/)
})

for (const [argv, problem] of [
  [['--concurency', '2'], /unknown flag --concurency; did you mean --concurrency\?/],
  [['--concurrency', 'two'], /whole number, not 'two'/],
  [['--concurrency', '-1'], /whole number/],
  [['--concurrency'], /needs a value/],
  [['--mode', 'serf'], /one of serve, validate, not 'serf'/],
  [['-x'], /unknown flag -x/],
  [['-config-path', 'a'], /unknown flag -config-path; did you mean --config-path\?/],
] as const) {
  test(`wrong: ${argv.join(' ')}`, () => {
    const { problems } = parseFlags(argv, FLAGS)
    assert.equal(problems.length, 1)
    assert.match(problems[0]!, problem)
  })
}

test('a parser fed with anything reports and never throws', () => {
  const pieces = ['-', '--', '=', 'c', 'config-path', 'concurrency', '7', '\n', 'mode', 'é', '']
  let seed = 1
  const next = (n: number) => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return seed % n
  }
  for (let round = 0; round < 2000; round++) {
    const argv = Array.from({ length: next(5) }, () =>
      Array.from({ length: next(4) }, () => pieces[next(pieces.length)]).join(''),
    )
    const { problems, positional, values } = parseFlags(argv, FLAGS)
    assert.ok(problems.length + positional.length + values.size >= 0)
  }
})

test('every flag that does nothing says why, and every other one what it does', () => {
  for (const { name, help, noEffect } of SERVE_FLAGS) assert.notEqual(noEffect ?? help, '', name)
  assert.equal(new Set(SERVE_FLAGS.map(({ name }) => name)).size, SERVE_FLAGS.length)
})
