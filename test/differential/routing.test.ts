// Routing: which route, where to, and with what changes. One proxy plays all of routing/*.yaml and must do as the recorded
// Envoy did.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readAnswers } from './answers-file.ts'
import { playAll } from './play.ts'

const FOLDER = fileURLToPath(new URL('routing/', import.meta.url))
const units = globSync('*.yaml', { cwd: FOLDER })
  .sort()
  .flatMap(file => readAnswers(FOLDER + file))

describe('routing is as Envoy does it', () => {
  let seen: Awaited<ReturnType<typeof playAll>> = []
  before(async () => {
    seen = await playAll(units)
  })
  units.forEach((unit, u) => {
    describe(unit.about, () => {
      unit.cases.forEach((one, c) => {
        test(one.name, () => assert.deepEqual(seen[u]![c], one.seen))
      })
    })
  })
})
