import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JsonArraySplitter } from './json-array.ts'

function split(text: string, size: number): readonly [elements: readonly string[], error: string | null] {
  const splitter = new JsonArraySplitter()
  const bytes = Buffer.from(text)
  const elements: string[] = []
  for (let at = 0; at < bytes.length; at += size) {
    splitter.write(bytes, at, Math.min(at + size, bytes.length), element => elements.push(element))
  }
  splitter.finish()
  return [elements, splitter.error]
}

for (const size of [1, 2, 3, 7, 1000]) {
  test(`in pieces of ${size}`, () => {
    const tricky = '{"a":"]},\\"{[\\\\"}'
    assert.deepEqual(split(` [${tricky},{"b":[1,{"c":2}]} , "x" ]\n`, size), [
      [tricky, '{"b":[1,{"c":2}]} ', ' "x" '],
      null,
    ])
    assert.deepEqual(split('[]', size), [[], null])
    assert.deepEqual(split(' [ ] ', size), [[], null])
    assert.deepEqual(split('["\u00e4\u20ac"]', size), [['"\u00e4\u20ac"'], null])
    assert.match(split('{"a":1}', size)[1] ?? '', /Expected an array/)
    assert.match(split('', size)[1] ?? '', /Expected an array/)
    assert.match(split('[{}', size)[1] ?? '', /Unexpected end/)
    assert.match(split('[{}] x', size)[1] ?? '', /terminated before end/)
    assert.match(split('[1}]', size)[1] ?? '', /Expected , or \]/)
    // What is between commas must be JSON: whoever parses the elements says so.
    assert.deepEqual(split('[1,,2]', size)[0], ['1', '', '2'])
  })
}
