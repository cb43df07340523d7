// Asks a real Envoy and writes down what it did: ENVOY=<binary> node scripts/run.mjs test/differential/tracing/record.ts
import { writeFileSync } from 'node:fs'
import { playZipkin } from './play.ts'

process.env['PROXY_UNDER_TEST'] = process.env['ENVOY'] ?? 'envoy'
writeFileSync(new URL('zipkin.json', import.meta.url), `${JSON.stringify(await playZipkin(null), null, 1)}\n`)
