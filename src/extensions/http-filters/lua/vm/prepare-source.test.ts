import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prepareSource } from './prepare-source.ts'

const cases: readonly (readonly [string, string])[] = [
  ['return 1', 'return 1.0'],
  ['a1 = b2 + 3', 'a1 = b2 + 3.0'],
  ['x = 0xFF', 'x = 0xFFp0'],
  ['x = 1e3 + .5 + 3. + 2.25', 'x = 1e3 + .5 + 3. + 2.25'],
  ['t[1].x2 = "1" .. \'2\' .. "\\"3"', 't[1.0].x2 = "1" .. \'2\' .. "\\"3"'],
  ['-- 1\nreturn 2 -- 3', '-- 1\nreturn 2.0 -- 3'],
  ['--[[ 1\n2 ]] return 3', '--[[ 1\n2 ]] return 3.0'],
  ['s = [==[ 1 ]] 2 ]==] .. 3', 's = [==[ 1 ]] 2 ]==] .. 3.0'],
  ['f(...) a = b..1', 'f(...) a = b..1.0'],
  ['a = b .. 1', 'a = b .. 1.0'],
  ['x = 10LL', 'x = 10LL'],
  ['goto l1 ::l1::', 'goto l1 ::l1::'],
  ['"a\\z\n  1" .. 2', '"a\\z\n  1" .. 2.0'],
  ['"unfinished 1', '"unfinished 1'],
  ['[[ unfinished 1', '[[ unfinished 1'],
]

for (const [source, expected] of cases) {
  test(JSON.stringify(source), () => assert.equal(prepareSource(source), expected))
}
