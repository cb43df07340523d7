// Asks a real Envoy and writes its answers down: ENVOY=<binary> node scripts/run.mjs test/differential/tls/record.ts
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { playTls } from './play.ts'

process.env['PROXY_UNDER_TEST'] = process.env['ENVOY'] ?? 'envoy'
const file = fileURLToPath(new URL('answers.json', import.meta.url))
writeFileSync(file, `${JSON.stringify(await playTls(), null, 2)}\n`)
