// Every http filter's envoy-answers*.yaml, played through one proxy: it must answer as the recorded Envoy did. ext_proc, whose
// processor takes its time, is played by ext-proc.test.ts.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readAnswers } from './answers-file.ts'
import { playAll } from './play.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const answers = globSync('src/extensions/http-filters/*/envoy-answers*.yaml', { cwd: ROOT })
  .filter(file => !file.includes('/ext_proc/'))
  .sort()
  .flatMap(file => readAnswers(`${ROOT}/${file}`).map(unit => ({ filter: basename(dirname(file)), unit })))

describe('http filters answer as Envoy', () => {
  let seen: Awaited<ReturnType<typeof playAll>> = []
  before(async () => {
    seen = await playAll(answers.map(({ unit }) => unit))
  })
  answers.forEach(({ filter, unit }, u) => {
    describe(`${filter}: ${unit.about}`, () => {
      unit.cases.forEach((one, c) => {
        test(one.name, () => assert.deepEqual(seen[u]![c], one.seen))
      })
    })
  })
})
