import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseLargeYaml } from './parse-large.ts'
import { parseYaml } from './parse-yaml.ts'

const FILLER = 'x'.repeat(1000)

function bootstrap(item: (i: number) => string, tail = 'admin: {address: a}\n'): string {
  const items = Array.from({ length: 1200 }, (_, i) => item(i)).join('')
  return `node: {id: n}\nstatic_resources:\n  listeners: []\n  clusters: # many\n${items}${tail}`
}

const texts: Readonly<Record<string, string>> = {
  'flow items': bootstrap(i => `  - { name: c${i}, alt_stat_name: ${FILLER} }\n`),
  'block items with comments, blanks and block text': bootstrap(
    i =>
      `    # note\n    - name: c${i}\n      alt_stat_name: |\n        - ${FILLER}\n        - y\n\n      hosts:\n      - a\n      - b\n`,
  ),
  CRLF: bootstrap(i => `  - { name: c${i}, alt_stat_name: ${FILLER} }\r\n`),
  'items at the indent of their key': bootstrap(
    i => `  - { name: c${i}, alt_stat_name: ${FILLER} }\n`,
    '  secrets: []\n',
  ),
  'aliases between items': bootstrap(i => `  - { name: ${i === 0 ? '&n c' : '*n'}, alt_stat_name: ${FILLER} }\n`),
  'routes within listeners': bootstrap(() => '').replace(
    'listeners: []\n',
    `listeners:\n  - name: l\n    chains:\n    - virtual_hosts: # one\n${['a', 'b']
      .map(
        host =>
          `      - name: ${host}\n        routes:\n${Array.from({ length: host === 'a' ? 9 : 1200 }, (_, i) => `        - {match: {prefix: /${i}}, name: ${FILLER}}\n`).join('')}`,
      )
      .join('')}`,
  ),
  'lines of a text that look like a list': bootstrap(i => (i === 0 ? '  - {name: c}\n' : '')).replace(
    'node: {id: n}\n',
    `text: |\n  routes:\n${Array.from({ length: 1200 }, () => `  - ${FILLER}\n`).join('')}`,
  ),
  'a list that begins with what stands for one': bootstrap(
    i => `  - ${i === 0 ? '"outrider: items read one by one"' : FILLER}\n`,
  ),
  'no final line break': bootstrap(i => `  - { name: c${i}, alt_stat_name: ${FILLER} }\n`, '  - { name: last }'),
}

for (const [what, text] of Object.entries(texts)) {
  test(`a big text reads the same in pieces: ${what}`, () => {
    assert.ok(text.length > 1 << 18)
    const whole = parseYaml(text)
    assert.deepEqual(whole.problems, [])
    assert.deepEqual(parseLargeYaml(text), whole)
  })
}

test('problems in a big text are those of the whole, at their places', () => {
  const text = bootstrap(i => `  - { name: c${i}, alt_stat_name: ${FILLER}${i === 700 ? ', name: d' : ''} }\n`)
  const { problems } = parseLargeYaml(text)
  assert.deepEqual(problems, parseYaml(text).problems)
  assert.equal(problems[0]?.code, 'duplicate-key')
})
