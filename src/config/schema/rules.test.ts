import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FieldRules, RuleSet } from './rules.ts'
import { schemaTable } from './table.ts'

const NAME = { string: { wellKnownRegex: 'HTTP_HEADER_NAME' } }
const VALUE = { string: { wellKnownRegex: 'HTTP_HEADER_VALUE' } }

const cases: readonly (readonly [
  rules: FieldRules,
  good: readonly unknown[],
  bad: readonly unknown[],
  expected: string,
])[] = [
  [{ uint32: { lte: 65535 } }, [0, 65535], [65536], 'an integer at most 65535'],
  [{ uint32: { gt: 0, lt: 10 } }, [1, 9], [0, 10], 'an integer greater than 0 and less than 10'],
  [{ uint32: { gte: 1, lte: 3 } }, [1, 3], [0, 4], 'an integer from 1 to 3'],
  [{ uint64: { gte: 1 } }, ['1', '18446744073709551615'], ['0'], 'an integer at least 1'],
  [{ double: { gte: 0, lte: 100 } }, [0, 99.5], [-0.1, 100.1], 'a number from 0 to 100'],
  [{ uint32: { in: [1, 2] } }, [1], [3], 'one of 1, 2'],
  [{ string: { notIn: ['x'] } }, ['y'], ['x'], 'none of x'],
  [{ string: { const: 'x' } }, ['x'], ['y'], 'x'],
  [{ bool: { const: true } }, [true], [false], 'true'],
  [{ string: { minLen: 1 } }, ['a'], [''], 'at least 1 character'],
  [{ string: { maxLen: 2 } }, ['äö'], ['abc'], 'at most 2 characters'],
  [{ string: { len: 2 } }, ['ab'], ['a', 'abc'], 'exactly 2 characters'],
  [{ string: { minBytes: 2, maxBytes: 4 } }, ['ä', 'äö'], ['a', 'äöü'], '2 to 4 bytes'],
  [{ string: { prefix: '/' } }, ['/a'], ['a'], 'text that starts with "/"'],
  [{ string: { suffix: '*' } }, ['a*'], ['a'], 'text that ends with "*"'],
  [{ string: { contains: '.' } }, ['a.b'], ['ab'], 'text that contains "."'],
  [{ string: { notContains: ' ' } }, ['ab'], ['a b'], 'text without " "'],
  [{ string: { pattern: '^[a-z]+$' } }, ['abc'], ['ABC'], 'text that matches ^[a-z]+$'],
  [NAME, ['x-a', ':path'], ['a b', ''], 'a header name as in RFC 9110'],
  [VALUE, ['a b\tc', 'ä'], ['a\nb', '\u007f'], 'a header value as in RFC 9110'],
  [
    { string: { wellKnownRegex: 'HTTP_HEADER_NAME', strict: false } },
    ['a b'],
    ['a\nb'],
    'a header name without NUL, CR and LF',
  ],
  [{ bytes: { minLen: 2 } }, ['YWI='], ['YQ=='], 'at least 2 bytes'],
  [{ repeated: { minItems: 1, maxItems: 2 } }, [[1], [1, 2]], [[], [1, 2, 3]], '1 to 2 items'],
  [{ repeated: { unique: true } }, [[{ a: 1 }, { a: 2 }]], [[{ a: 1 }, { a: 1 }]], 'distinct items'],
  [{ map: { minPairs: 1 } }, [{ a: 1 }], [{}], 'at least 1 entry'],
  [{ duration: { gt: '0s' } }, ['0.000000001s'], ['0s', '-1s'], 'a duration greater than 0s'],
  [
    { duration: { gte: '0.001s', lt: '300s' } },
    ['0.001s', '299.999s'],
    ['0s', '300s'],
    'a duration at least 0.001s and less than 300s',
  ],
  [{ duration: { lte: '0s', gte: '1s' } }, ['0s', '1s'], ['0.500s'], 'a duration at least 1s or at most 0s'],
]

for (const [rules, good, bad, expected] of cases) {
  test(`${JSON.stringify(rules)}`, () => {
    const set = new RuleSet(rules)
    for (const value of good) assert.equal(set.check(value), undefined, JSON.stringify(value))
    for (const value of bad) assert.equal(set.check(value)?.expected, expected, JSON.stringify(value))
  })
}

test('ignore_empty lets the default through, and items and required are seen', () => {
  assert.equal(new RuleSet({ string: { minLen: 3, ignoreEmpty: true } }).check(''), undefined)
  assert.ok(new RuleSet({ string: { minLen: 3, ignoreEmpty: true } }).check('a'))
  const items = new RuleSet({ repeated: { items: { string: { minLen: 1 } } } })
  assert.ok(items.items?.check(''))
  assert.equal(new RuleSet({ message: { required: true } }).required, true)
  assert.equal(new RuleSet({ duration: { required: true, gt: '0s' } }).required, true)
})

test('every rule in the API is one that is checked here', () => {
  const known = new Set(
    'required lt lte gt gte in notIn const len minLen maxLen lenBytes minBytes maxBytes pattern prefix suffix contains notContains wellKnownRegex strict ignoreEmpty items keys values minItems maxItems unique minPairs maxPairs definedOnly skip'.split(
      ' ',
    ),
  )
  const table = schemaTable()
  const strangers = new Set<string>()
  const visit = (rules: object) => {
    for (const rule of Object.values(rules) as object[]) {
      for (const [name, value] of Object.entries(rule)) {
        if (!known.has(name)) strangers.add(name)
        if (name === 'items' || name === 'keys' || name === 'values') visit(value as object)
      }
    }
  }
  for (const name of table.typeNames())
    for (const field of table.message(name)?.fields ?? []) if (field.rules !== null) visit(field.rules.source)
  assert.deepEqual([...strangers], [])
})
