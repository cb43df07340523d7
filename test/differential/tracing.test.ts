// Decisions, headers and spans, held against what a real Envoy did: field by field, ids and times aside.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { type Played, play, STAGES, type StageName } from './tracing/play.ts'

for (const stage of Object.keys(STAGES) as StageName[]) {
  const recorded = JSON.parse(readFileSync(new URL(`tracing/${stage}.json`, import.meta.url), 'utf8')) as Played
  const spansOf = (index: number): number => recorded.cases[index]!.filter(line => line.startsWith('* ')).length

  describe(`traces as Envoy, ${stage}`, () => {
    let seen: Played
    before(async () => {
      seen = await play(stage, spansOf)
    })
    STAGES[stage].cases.forEach(({ manager, path, headers = {} }, index) => {
      const sent = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
      test([manager, path.slice(0, 20), ...sent].join(' '), () => {
        assert.deepEqual(seen.cases[index], recorded.cases[index])
      })
    })
    test('the counters, and no span more', () => {
      assert.deepEqual(seen.stats, recorded.stats)
    })
  })
}
