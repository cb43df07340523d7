import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compatPage, importDeclarations } from '../../scripts/generate-compat.ts'
import { declaredMessages, schemaTable, supportGaps } from '../../src/config/index.ts'

await importDeclarations()

test('every field of every message that is read is honoured, refused with a reason, or accepted with one', () => {
  assert.ok(declaredMessages().length > 100)
  assert.deepEqual(supportGaps(schemaTable()), [])
})

test('every reason says something', () => {
  for (const { typeName, refused, accepted, values } of declaredMessages()) {
    for (const reasons of [refused, accepted, ...Object.values(values)]) {
      for (const [name, reason] of Object.entries(reasons))
        assert.ok(reason.length > 8, `${typeName}.${name}: '${reason}'`)
    }
  }
})

test('docs/compat.md is what the declarations say', async () => {
  const page = readFileSync(new URL('../../docs/compat.md', import.meta.url), 'utf8')
  assert.equal(await compatPage(page), page, 'run: node scripts/run.mjs scripts/generate-compat.ts --write')
})
