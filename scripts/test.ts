// `npm test`: every test beside the code and under test/. `--long` adds test/long; other arguments name files or folders.
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const argv = process.argv.slice(2)
const long = argv.includes('--long')
const wanted = argv.filter(word => !word.startsWith('--'))
const files = globSync(['src/**/*.test.ts', 'scripts/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root })
  .filter(file => long || !file.startsWith(join('test', 'long')))
  .filter(file => wanted.length === 0 || wanted.some(word => file.includes(word)))
  .sort()
// Processes under test run dist/, as users do: built once, not by each of them.
const built = spawnSync(join(root, 'bin', 'outrider'), ['--version'], { stdio: ['ignore', 'ignore', 'inherit'] })
if (built.status !== 0) process.exit(1)
if (files.length === 0) {
  console.error(`no test matches ${wanted.join(' ')}`)
  process.exit(1)
}
const { status } = spawnSync(
  process.execPath,
  [
    '--disable-warning=ExperimentalWarning',
    '--test',
    `--test-concurrency=${Math.max(1, availableParallelism())}`,
    // A test that hangs must fail, not stop the run.
    `--test-timeout=${long ? 1_800_000 : 120_000}`,
    '--test-reporter=spec',
    ...files,
  ],
  { cwd: root, stdio: 'inherit' },
)
process.exitCode = status ?? 1
