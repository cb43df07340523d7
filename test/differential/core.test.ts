// What goes on without any filter: messages, targets, headers, forwarding, failures. One proxy plays all of core/*.yaml and
// must answer as the recorded Envoy did, or refuse what Envoy lets through although the RFCs forbid it.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readAnswers } from './answers-file.ts'
import { playAll } from './play.ts'

const FOLDER = fileURLToPath(new URL('core/', import.meta.url))
const REFUSED = /^< (?:400|426|501|502|505) |^closed$/
const units = globSync('*.yaml', { cwd: FOLDER })
  .sort()
  .flatMap(file => readAnswers(FOLDER + file))

describe('the core answers as Envoy', () => {
  let seen: Awaited<ReturnType<typeof playAll>> = []
  before(async () => {
    seen = await playAll(units)
  })
  units.forEach((unit, u) => {
    describe(unit.about, () => {
      unit.cases.forEach((one, c) => {
        test(one.name, () => {
          const lines = seen[u]![c]!
          if (one.laxer === true && REFUSED.test(lines[0] ?? '')) return
          assert.deepEqual(lines, one.seen)
        })
      })
    })
  })
})
