// Filter chains by SNI and ALPN, and x-forwarded-client-cert in every mode: as a recorded Envoy.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, test } from 'node:test'
import { playTls, type Seen } from './tls/play.ts'

const answers = JSON.parse(readFileSync(new URL('tls/answers.json', import.meta.url), 'utf8')) as Seen

describe('TLS as Envoy', () => {
  let seen: Seen = {}
  before(async () => {
    seen = await playTls()
  })
  for (const [title, answer] of Object.entries(answers)) test(title, () => assert.equal(seen[title], answer))
})
