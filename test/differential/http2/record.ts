// Asks a real Envoy and writes its answers down: ENVOY=<binary> node scripts/run.mjs test/differential/http2/record.ts FILE...
import { readFileSync, writeFileSync } from 'node:fs'
import { parseDocument } from 'yaml'
import { readHttp2Answers } from './bootstrap.ts'
import { playHttp2 } from './play.ts'

process.env['PROXY_UNDER_TEST'] = process.env['ENVOY'] ?? 'envoy'
for (const file of process.argv.slice(2)) {
  const document = parseDocument(readFileSync(file, 'utf8'))
  const seen = await playHttp2(
    readHttp2Answers(file).map(unit => ({ ...unit, cases: unit.cases.map(({ seen: _, ...one }) => one) })),
  )
  seen.forEach((cases, unit) => {
    cases.forEach((lines, index) => {
      document.setIn([unit, 'cases', index, 'seen'], lines)
    })
  })
  writeFileSync(file, document.toString({ lineWidth: 0 }))
}
