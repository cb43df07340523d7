import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { loadBootstrap } from './load-bootstrap.ts'
import { renderDiagnostics } from './render.ts'

const CORPUS = new URL('../testdata/corpus/', import.meta.url)
const BUDGET_MS = Number(process.env['FUZZ_MS'] ?? 2000)

/** Pieces that configurations are made of, and that parsers trip over. */
const PIECES = [
  '\n',
  '  ',
  '- ',
  ': ',
  '{',
  '}',
  '[',
  ']',
  ', ',
  '"',
  "'",
  '|',
  '>',
  '&a ',
  '*a',
  '<<: *a',
  '!ignore ',
  '? ',
  '#',
  '---\n',
  '\t',
  '\r\n',
  '\uFEFF',
  '\0',
  '\\u0000',
  '\ud800',
  '~',
  'null',
  '-1',
  '99999999999999999999',
  '1e309',
  '.nan',
  '0x',
  '5s',
  '-5s',
  'name',
  'clusters',
  '__proto__',
  'constructor',
  'toString',
  '@type',
  'type.googleapis.com/',
  'type.googleapis.com/google.protobuf.Any',
  'type.googleapis.com/xds.type.v3.TypedStruct',
  'type.googleapis.com/google.protobuf.Struct',
  '[[[[[[[[',
  '{a: {a: {a: {a: ',
]

/** A small generator of its own, so that a failure can be repeated from the seed in its message. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function mutate(text: string, random: (below: number) => number): string {
  let out = text
  for (let i = random(4); i >= 0; i--) {
    const at = random(out.length + 1)
    const length = random(3) === 0 ? random(40) : random(4)
    const insert = random(2) === 0 ? PIECES[random(PIECES.length)]! : out.slice(random(out.length), random(out.length))
    out = out.slice(0, at) + insert.slice(0, 200) + out.slice(at + length)
  }
  return out
}

function outcome(content: string, path: string): string {
  const loaded = loadBootstrap({ files: [{ path, content }], options: { checkSupport: false } })
  assert.equal(loaded.bootstrap === undefined, loaded.diagnostics.failed)
  if (loaded.bootstrap !== undefined) assert.doesNotThrow(() => structuredClone(loaded.bootstrap))
  return renderDiagnostics(loaded.diagnostics.list, loaded.sources)
}

const corpus = readdirSync(CORPUS)
  .sort()
  .map(name => ({ name, text: readFileSync(new URL(name, CORPUS), 'utf8') }))

test('every file of the corpus ends in a resource or in placed findings', () => {
  assert.ok(corpus.length > 5)
  for (const { name, text } of corpus) {
    const report = outcome(text, name)
    assert.equal(report === '', name.startsWith('good-'), `${name}\n${report}`)
  }
})

test('what comes out of a good file goes in again unchanged', () => {
  for (const { name, text } of corpus.filter(file => file.name.startsWith('good-'))) {
    const options = { checkSupport: false }
    const first = loadBootstrap({ files: [{ path: name, content: text }], options }).bootstrap
    const again = loadBootstrap({ files: [{ path: 'again.json', content: JSON.stringify(first) }], options })
    assert.deepEqual(again.diagnostics.list, [], name)
    assert.deepEqual(again.bootstrap, first, name)
  }
})

test('mutated files never throw', () => {
  const seed = Date.now() % 2 ** 31
  const random = randomFrom(seed)
  const until = performance.now() + BUDGET_MS
  for (let round = 0; performance.now() < until; round++) {
    const text = mutate(corpus[round % corpus.length]!.text, random)
    try {
      outcome(text, 'fuzz.yaml')
    } catch (error) {
      throw new Error(`seed ${seed}, round ${round}: add this to the corpus:\n${text}`, { cause: error })
    }
  }
})
