import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Wildcard } from './wildcard.ts'

test('each star stands for any run of characters, also none', () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ['path_/a/*', ['path_/a/', 'path_/a/b'], ['path_/a', 'xpath_/a/']],
    ['path_*/items', ['path_/items', 'path_x/items'], ['path_items', 'path_x/items/']],
    ['p_*b*c', ['p_bc', 'p_abc', 'p_bbcc'], ['p_b', 'p_cb', 'p_c']],
    ['p_*', ['p_'], ['p']],
    ['p_a*a', ['p_aa', 'p_axa'], ['p_a']],
    ['p_a*ab*b', ['p_aabb', 'p_axabxb'], ['p_aab', 'p_abb']],
  ]
  for (const [pattern, yes, no] of cases) {
    const wildcard = new Wildcard(pattern)
    for (const text of yes) assert.equal(wildcard.matches(text), true, `${pattern} ${text}`)
    for (const text of no) assert.equal(wildcard.matches(text), false, `${pattern} ${text}`)
  }
})

test('as a regular expression has it, for all short texts', () => {
  const letters = ['a', 'b', '*']
  const words = (length: number, of: readonly string[]): string[] =>
    length === 0 ? [''] : words(length - 1, of).flatMap(word => [word, ...of.map(letter => word + letter)])
  for (const pattern of new Set(words(4, letters).filter(word => word.includes('*')))) {
    const wildcard = new Wildcard(pattern)
    const same = new RegExp(`^${pattern.replaceAll('*', '.*')}$`)
    for (const text of new Set(words(5, ['a', 'b']))) {
      assert.equal(wildcard.matches(text), same.test(text), `${pattern} ${text}`)
    }
  }
})
