// Answers of http filters, played through one proxy: it must answer as the recorded Envoy did.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readAnswers } from './answers-file.ts'
import { playAll } from './play.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** `wanted` says by a filter's folder whether its envoy-answers*.yaml are played. */
export function describeFilterAnswers(title: string, wanted: (filter: string) => boolean): void {
  const answers = globSync('src/extensions/http-filters/*/envoy-answers*.yaml', { cwd: ROOT })
    .sort()
    .map(file => ({ file, filter: basename(dirname(file)) }))
    .filter(({ filter }) => wanted(filter))
    .flatMap(({ file, filter }) => readAnswers(`${ROOT}/${file}`).map(unit => ({ filter, unit })))
  describe(title, () => {
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
}
