// CEL expressions give what a recorded Envoy made of them. PROXY_UNDER_TEST holds the same against a real one.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { compileCelText, isCelFailure } from '../../src/observability/index.ts'
import { readCelAnswers, short } from './cel/answers.ts'
import { playCel } from './cel/play.ts'

const answers = readCelAnswers()
const EVERYTHING = { node: null, stringConversion: true, stringConcat: true, stringFunctions: true }

describe('values of expressions', () => {
  for (const [name, set, everything] of [
    ['as they are', answers.plain, false],
    ['with functions of texts', answers.everything, true],
  ] as const) {
    test(name, async () => {
      const texts = Object.keys(set)
      const seen = await playCel(texts, everything)
      const line = (text: string, values: unknown): string => `${text} -> ${JSON.stringify(values)}`
      const differing = texts.flatMap((text, i) => {
        const [expected, actual] = [line(text, set[text]), line(text, short(seen[i]!))]
        return expected === actual ? [] : [{ expected, actual }]
      })
      assert.deepEqual(differing, [])
    })
  }
})

describe('expressions that cannot be used', () => {
  for (const text of [...answers.refused, ...answers.notOffered]) {
    test(text, () => assert.ok(isCelFailure(compileCelText(text, EVERYTHING))))
  }
  for (const text of answers.refusedPlain) {
    test(`${text}: unless its functions are turned on`, () => {
      assert.ok(isCelFailure(compileCelText(text, { node: null })))
      assert.ok(!isCelFailure(compileCelText(text, EVERYTHING)))
    })
  }
})
