import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fuzz } from '../../../test/harness/fuzz.ts'
import { loadBootstrap } from './load-bootstrap.ts'
import { renderDiagnostics } from './render.ts'

const CORPUS = new URL('../testdata/corpus/', import.meta.url)

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
    if (name.startsWith('found-')) continue
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
  fuzz(random => {
    const text = random.mutateText(random.pick(corpus).text, PIECES, 1 + random.below(4))
    try {
      outcome(text, 'fuzz.yaml')
    } catch (error) {
      // From now on it is tested each time; it is to be committed with the mend.
      const name = `found-${createHash('sha256').update(text).digest('hex').slice(0, 12)}.yaml.txt`
      writeFileSync(new URL(name, CORPUS), text)
      throw new Error(`${name} is in the corpus now:\n${text}`, { cause: error })
    }
  }, 2000)
})
