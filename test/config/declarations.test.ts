import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { compatPage, importDeclarations } from '../../scripts/generate-compat.ts'
import { featuresPage } from '../../scripts/generate-features.ts'
import {
  declaredMessages,
  loadBootstrap,
  REFUSED_EXTENSIONS,
  schemaTable,
  supportGaps,
} from '../../src/config/index.ts'

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

test('the table of features in README.md is what the declarations say', async () => {
  const page = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  assert.equal(await featuresPage(page), page, 'run: node scripts/run.mjs scripts/generate-features.ts --write')
})

test('what is refused is read nowhere, and every reason says what to do', () => {
  const declared = new Set(declaredMessages().map(({ typeName }) => typeName))
  for (const [type, reason] of Object.entries(REFUSED_EXTENSIONS)) {
    assert.ok(!declared.has(type), `${type} is supported: take it out of the list`)
    assert.match(reason, /; /, type)
  }
})

test('a filter that is refused is told what it is and what to do instead, whether or not the API knows it', () => {
  for (const type of ['wasm.v3.Wasm', 'golang.v3alpha.Config']) {
    const name = `envoy.extensions.filters.http.${type}`
    const content = `static_resources:
  listeners:
  - filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: x
          http_filters:
          - name: f
            typed_config:
              "@type": type.googleapis.com/${name}
`
    const { diagnostics } = loadBootstrap({ files: [{ path: 'e.yaml', content }], options: {} })
    const found = diagnostics.list.find(({ message }) => message.includes(name))
    assert.match(found?.message ?? '', /is not supported: it .*; write an HTTP filter in TypeScript/)
    assert.equal(found?.line, 12)
  }
})
