// `npm run check`: generated API, types, lint and format, imports between rooms, words that have no place in finished code.
import { spawnSync } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkImports } from './check-imports.ts'

const root = join(import.meta.dirname, '..')
const bin = join(root, 'node_modules', '.bin')
const FORBIDDEN = /\b(?:TODO|FIXME|XXX)\b|not implemented\b(?!',)/i

function tool(name: string, ...args: string[]): boolean {
  const { status, error } = spawnSync(join(bin, name), args, { cwd: root, stdio: 'inherit' })
  if (error !== undefined) console.error(`${name}: ${error.message}`)
  return status === 0
}

function words(): boolean {
  let clean = true
  for (const file of globSync('src/**/*.ts', { cwd: root })) {
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .forEach((line, i) => {
        if (!FORBIDDEN.test(line)) return
        console.error(`${file}:${i + 1}: ${line.trim()}`)
        clean = false
      })
  }
  return clean
}

function imports(): boolean {
  const findings = checkImports(root)
  for (const finding of findings) console.error(finding)
  return findings.length === 0
}

/** Someone's change of the overlay changes gen/, which is not committed. */
function api(): boolean {
  const args = [join(root, 'scripts', 'prepare.mjs'), '--api']
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0
}

const steps: readonly (readonly [string, () => boolean])[] = [
  ['generated API', api],
  ['types', () => tool('tsc', '-p', 'tsconfig.json')],
  ['lint and format', () => tool('biome', 'check', '--error-on-warnings')],
  ['imports', imports],
  ['words', words],
]
const failed = steps.filter(([name, step]) => {
  const started = performance.now()
  const passed = step()
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`)
  return !passed
})
process.exitCode = failed.length === 0 ? 0 : 1
