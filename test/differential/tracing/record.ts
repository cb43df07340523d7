// Asks a real Envoy and writes down what it did: ENVOY=<binary> node scripts/run.mjs test/differential/tracing/record.ts
import { writeFileSync } from 'node:fs'
import { play, STAGES, type StageName } from './play.ts'

process.env['PROXY_UNDER_TEST'] = process.env['ENVOY'] ?? 'envoy'
for (const stage of Object.keys(STAGES) as StageName[]) {
  const played = await play(stage, null)
  writeFileSync(new URL(`${stage}.json`, import.meta.url), `${JSON.stringify(played, null, 1)}\n`)
}
