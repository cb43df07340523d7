import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from './parse-json.ts'
import { parseYaml } from './parse-yaml.ts'

const texts: Readonly<Record<string, string>> = {
  plain: '{"a": [1, -2.5, 1e3, true, null, "x"], "b": {"c": {}}}',
  'strings that look like keys': String.raw`{"a\"": "b\\", "c": "d\\\": ", "e:": ["f: ", "\"", "\u0041"]}`,
  'integers that no double holds': '{"a": 9007199254740993, "b": 9007199254740991}',
  'a key twice': '{"a": 1, "b": {"c": 1, "c": 2}}',
  'a key twice, once escaped': String.raw`{"a": 1, "\u0061": 2}`,
  'a key that cannot be one': '{"a": {"__proto__": 1}}',
  'comments and a comma too many': '{\n# why\n"a": [1,],\n}',
  'tabs and carriage returns': '{\r\n\t"a"\t:\t[\t1\t]\r\n}',
  'a byte order mark': '\ufeff{"a": 1}',
  'something behind it': '{"a": 1} b',
  'a line break in a string': '{"a": "b\nc"}',
  'deeper than YAML goes': `${'['.repeat(150)}${']'.repeat(150)}`,
  'as deep as YAML goes': `${'['.repeat(99)}1${']'.repeat(99)}`,
  nothing: '',
  'a scalar': '"a"',
}

for (const [what, text] of Object.entries(texts)) {
  test(`JSON reads as the YAML parser would read it: ${what}`, () => {
    assert.deepEqual(parseJson(text), parseYaml(text.replaceAll('\t', ' '), true))
  })
}

test('10,000 routes take the short way', () => {
  const routes = Array.from({ length: 10_000 }, (_, i) => ({ match: { prefix: `/${i}/` }, route: { cluster: 'c' } }))
  const began = performance.now()
  assert.deepEqual(parseJson(JSON.stringify({ routes })).value, { routes })
  const took = performance.now() - began
  const again = performance.now()
  parseYaml(JSON.stringify({ routes }), true)
  assert.ok(took < performance.now() - again, `${took} ms`)
})
