// Asks a real Envoy and writes its answers down: ENVOY=<binary> node scripts/run.mjs test/differential/redis/record.ts FILE...
import { writeFileSync } from 'node:fs'
import { stringify } from 'yaml'
import { playAll, readUnits } from './play.ts'

const HEAD = "# Units of redis_proxy (play.ts); `seen`, `stats` and `keys` are a recorded Envoy's (record.ts).\n"

process.env['PROXY_UNDER_TEST'] = process.env['ENVOY'] ?? 'envoy'
for (const file of process.argv.slice(2)) {
  const units = readUnits(file)
  const seen = await playAll(units)
  const recorded = units.map((unit, u) => {
    const { replies, stats, keys } = seen[u]!
    return { ...unit, cases: unit.cases.map(({ send }, i) => ({ send, seen: replies[i]! })), stats, keys }
  })
  writeFileSync(file, HEAD + stringify(recorded, { lineWidth: 0 }))
}
