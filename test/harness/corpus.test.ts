import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Corpus } from './corpus.ts'

const folder = mkdtempSync(join(tmpdir(), 'corpus-'))
const url = pathToFileURL(`${folder}/`)
after(() => rmSync(folder, { recursive: true }))

test('what fails is kept, is tested from then on, and other inputs are made of it', () => {
  writeFileSync(join(folder, 'first.json'), JSON.stringify('a\r\n\xff'))
  const check = (text: string): void => assert.ok(!text.includes('b'), 'a b')
  Corpus.ofTexts(url).replay(check)
  assert.throws(
    () => Corpus.ofTexts(url).fuzz((_, text) => `${text}b`, check, 1),
    /found-\w+\.json is in the corpus now: a b/,
  )
  const [, found] = readdirSync(folder)
  const grown = Corpus.ofTexts(url)
  assert.deepEqual(grown.inputs, [
    ['first.json', 'a\r\n\xff'],
    [found, 'a\r\n\xffb'],
  ])
  assert.throws(() => grown.replay(check), /^Error: found-\w+\.json: a b/)
})

test('bytes are kept as hex', () => {
  writeFileSync(join(folder, 'first.hex'), '00ff\n0a\n')
  const corpus = Corpus.ofBytes(url)
  assert.deepEqual(corpus.inputs, [['first.hex', Buffer.from([0, 255, 10])]])
  const fails = (): void => assert.fail('no')
  assert.throws(() => corpus.fuzz((_, bytes) => Buffer.concat([bytes, Buffer.alloc(100, 1)]), fails, 1))
  const grown = Corpus.ofBytes(url).inputs.find(([name]) => name.startsWith('found-'))
  assert.deepEqual(grown?.[1], Buffer.from([0, 255, 10, ...new Array(100).fill(1)]))
})
