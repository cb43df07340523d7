import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const SOURCE = join(import.meta.dirname, '..', '..', 'src')

test('every extension folder stands in the list of extensions and has a README', () => {
  const list = readFileSync(join(SOURCE, 'server', 'extensions.ts'), 'utf8')
  const doors = globSync('extensions/*/*/index.ts', { cwd: SOURCE })
  assert.ok(doors.length > 5)
  for (const door of doors) {
    assert.ok(list.includes(`'../${door}'`), `${door} is not in src/server/extensions.ts`)
    assert.ok(readFileSync(join(SOURCE, door, '..', 'README.md'), 'utf8').length > 0)
  }
})
