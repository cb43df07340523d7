// docs/attack-cases.md names a test for every case, or says that there is none, and the files exist.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const ROOT = join(import.meta.dirname, '..', '..')
/** How many cases each section has. */
const SECTIONS = { A: 21, B: 10, D: 13, E: 13, F: 11 } as const

const rows = readFileSync(join(ROOT, 'docs', 'attack-cases.md'), 'utf8')
  .split('\n')
  .flatMap(line => {
    const [, id = '', what = '', heldBy = ''] = /^\| ([A-F]\d+) \| (.*) \| (.*) \|$/.exec(line) ?? []
    return id === '' ? [] : [{ id, what, heldBy }]
  })

test('every case has one row', () => {
  const ids = rows.map(({ id }) => id)
  assert.deepEqual(ids, [...new Set(ids)])
  for (const [section, count] of Object.entries(SECTIONS)) {
    for (let i = 1; i <= count; i++) assert.ok(ids.includes(`${section}${i}`), `${section}${i}`)
  }
})

test('rows name tests that are there, or say that nothing holds them', () => {
  for (const { id, what, heldBy } of rows) {
    assert.ok(what.length > 0, id)
    if (heldBy.startsWith('not held: ')) continue
    const files = Array.from(heldBy.matchAll(/`([^`]+)`/g), ([, file]) => file!)
    assert.ok(files.length > 0, id)
    for (const file of files) {
      assert.match(file, /\.test\.ts$|^test\/differential\/.*\.yaml$/, id)
      assert.ok(existsSync(join(ROOT, file)), `${id}: ${file}`)
    }
  }
})
