// The fuzz tests that CI runs for a moment, for long: each file in a process of its own, its seeds printed.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** For each fuzz of each file. */
const FUZZ_MS = process.env['FUZZ_MS'] ?? '20000'

const files = globSync('src/**/*.test.ts', { cwd: ROOT })
  .filter(file => /\bharness\/(fuzz|corpus)\.ts'/.test(readFileSync(ROOT + file, 'utf8')))
  .sort()

async function run(file: string): Promise<string> {
  // A test run inside a test run would report to it.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const args = ['--disable-warning=ExperimentalWarning', '--test', '--test-reporter=spec', file]
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...env, FUZZ_MS } })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', text => (said += text))
  child.stderr.setEncoding('utf8').on('data', text => (said += text))
  const [code] = await once(child, 'close')
  assert.equal(code, 0, said)
  return said
}

describe(`fuzz tests, ${FUZZ_MS} ms each`, { concurrency: false }, () => {
  assert.ok(files.length > 5)
  for (const file of files) {
    test(file, async t => {
      const rounds = (await run(file)).match(/fuzz: .*/g) ?? []
      assert.ok(rounds.length > 0)
      for (const line of rounds) t.diagnostic(line)
    })
  }
})
