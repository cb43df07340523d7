// ext_proc's envoy-answers.yaml: what the client, the origin and the processor saw must be what it was with the recorded Envoy.
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readAnswers } from './answers-file.ts'
import { playAll } from './play.ts'

const FILE = fileURLToPath(new URL('../../src/extensions/http-filters/ext_proc/envoy-answers.yaml', import.meta.url))
const units = readAnswers(FILE)

describe('ext_proc answers as Envoy', () => {
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
