// HTTP/2 on either side or both: what clients, origins, log and stats see. One proxy plays all of http2/*.yaml and must
// answer as the recorded Envoy did.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readHttp2Answers } from './http2/bootstrap.ts'
import { playHttp2 } from './http2/play.ts'

const FOLDER = fileURLToPath(new URL('http2/', import.meta.url))
const units = globSync('*.yaml', { cwd: FOLDER })
  .sort()
  .flatMap(file => readHttp2Answers(FOLDER + file))

describe('HTTP/2 as Envoy', () => {
  let seen: Awaited<ReturnType<typeof playHttp2>> = []
  before(async () => {
    seen = await playHttp2(units)
  })
  units.forEach((unit, u) => {
    describe(unit.about, () => {
      unit.cases.forEach((one, c) => {
        test(one.name, () => assert.deepEqual(seen[u]![c], one.seen))
      })
    })
  })
})
