// HTTP/2 on either side or both: what clients, origins, log and stats see. A proxy for each file of http2/*.yaml plays
// it and must answer as the recorded Envoy did.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readHttp2Answers } from './http2/bootstrap.ts'
import { playHttp2 } from './http2/play.ts'

const FOLDER = fileURLToPath(new URL('http2/', import.meta.url))
const files = globSync('*.yaml', { cwd: FOLDER })
  .sort()
  .map(file => readHttp2Answers(FOLDER + file))
const units = files.flat()

describe('HTTP/2 as Envoy', () => {
  let seen: Awaited<ReturnType<typeof playHttp2>> = []
  before(async () => {
    // Mostly they wait, but some for a few milliseconds only: not too many at once.
    const seenOf: (typeof seen)[] = []
    const next = files.keys()
    const lane = async (): Promise<void> => {
      for (const file of next) seenOf[file] = await playHttp2(files[file]!)
    }
    await Promise.all([lane(), lane(), lane(), lane()])
    seen = seenOf.flat()
  })
  units.forEach((unit, u) => {
    describe(unit.about, () => {
      unit.cases.forEach((one, c) => {
        test(one.name, () => assert.deepEqual(seen[u]![c], one.seen))
      })
    })
  })
})
