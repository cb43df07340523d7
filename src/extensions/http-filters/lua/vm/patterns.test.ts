// Our matcher beside the C library's, which runs where neither text nor pattern is long.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOST_TABLE } from '../api/index.ts'
import type { HostTable } from './host-table.ts'
import { DEFAULT_LIMITS, LuaMachine } from './machine.ts'
import { PatternError, PatternMatcher } from './pattern-matcher.ts'
import { prepareSource } from './prepare-source.ts'

const lines: string[] = []
const table: HostTable = {
  ...HOST_TABLE,
  functions: {
    ...HOST_TABLE.functions,
    print: (machine, state) => {
      lines.push(machine.toText(state, 1))
      return 0
    },
  },
}
const machine = new LuaMachine(table, DEFAULT_LIMITS)

/** What the script prints. */
function run(source: string): readonly string[] {
  lines.length = 0
  if (!machine.run(prepareSource(source), '=test')) return [`error ${machine.error}`]
  return [...lines]
}

const quoted = (text: string): string =>
  `"${text.replace(/[^ -~]|["\\]/g, c => `\\${String(c.charCodeAt(0)).padStart(3, '0')}`)}"`

function ours(text: string, pattern: string): string {
  const anchored = pattern.startsWith('^')
  try {
    const matcher = new PatternMatcher(text, pattern, 1_000_000)
    for (let start = 0; start <= text.length; start++) {
      const end = matcher.matchAt(start, anchored ? 1 : 0)
      if (end >= 0) return matcher.captures(start, end).join('|')
      if (anchored) break
    }
    return 'nil'
  } catch (error) {
    if (error instanceof PatternError) return 'error'
    throw error
  }
}

const PIECES = [
  'a',
  'b',
  '.',
  '%a',
  '%D',
  '[ab]',
  '[^a-c%s]',
  '(',
  ')',
  '()',
  '%1',
  '%bab',
  '%f[%w]',
  '^',
  '$',
  '*',
  '+',
  '-',
  '?',
  '%',
  '[',
]
const LETTERS = ['a', 'b', 'c', '1', ' ', 'A', '\0', '\xff']

test('thousands of patterns match as in the C library', () => {
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return Math.floor((seed / 2147483648) * below)
  }
  const pick = (from: readonly string[], most: number): string =>
    Array.from({ length: random(most + 1) }, () => from[random(from.length)]).join('')
  const cases = Array.from({ length: 4000 }, () => ({ text: pick(LETTERS, 7), pattern: pick(PIECES, 5) }))
  const printed = run(`
    for _, case in ipairs({ ${cases.map(({ text, pattern }) => `{${quoted(text)}, ${quoted(pattern)}}`).join(',')} }) do
      local found = { pcall(string.match, case[1], case[2]) }
      if not found[1] then print("error")
      elseif found[2] == nil then print("nil")
      else table.remove(found, 1) print(table.concat(found, "|")) end
    end`)
  assert.equal(printed.length, cases.length)
  cases.forEach(({ text, pattern }, i) => {
    assert.equal(ours(text, pattern), printed[i], `${quoted(text)} ${quoted(pattern)}`)
  })
})

test('patterns that would take for ever are stopped', () => {
  const [found] = run(`
    local ok, why = pcall(string.find, ("a"):rep(40), ("a?"):rep(40) .. ("a"):rep(40) .. "b")
    print(tostring(ok) .. " " .. why:match("pattern.*"))`)
  assert.equal(found, 'false pattern takes too many steps')
  const [gsub] = run('print(pcall(string.gsub, ("x"):rep(100000), "x*x*x*x*y", ""))')
  assert.match(gsub ?? '', /pattern takes too many steps/)
})

test('long texts give what short ones do', () => {
  assert.deepEqual(
    run(`
    local text = ("key=value; "):rep(100)
    print(text:match("(%w+)=(%w+)"))
    print(text:find("(%w+)=(%w+)", 12))
    print(text:find("%w+=%w+", -11))
    print(tostring(text:find("%w+%d+=%w+")))
    local n = 0
    for k, v in text:gmatch("(%w+)=(%w+)") do n = n + #k + #v end
    print(n)
    local made, count = text:gsub("(%w+)=(%w+)", "%2=%1")
    print(made:sub(1, 22), count, #made)
    print((text:gsub("(%w+)=(%w+)", { key = "found" }, 2)):sub(1, 30))
    print((text:gsub("%w+=%w+", function(all) return all:upper() end)):sub(1, 20))
    print((text:gsub("^%w+=%w+", "<%0>")):sub(1, 20))
    print(select(2, ("a b c "):rep(200):gsub("%s*%S+", "")))`),
    [
      'key\tvalue',
      '12\t20\tkey\tvalue',
      '1090\t1098',
      'nil',
      '800',
      'value=key; value=key; \t100\t1100',
      'found; found; key=value; key=v',
      'KEY=VALUE; KEY=VALUE',
      '<key=value>; key=val',
      '600',
    ],
  )
})
