// `npm run build`: src/ to a few files in dist/, which load in a third of the time and half the memory of 400 modules.
// The package consists of them. A clone runs them too, as long as no source is newer: bin/outrider sees to that.
// Plain JavaScript that any Node >= 20 runs, as `npm ci` and the launcher do.
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const target = join(root, 'dist')
/** What is started by its name, the process last: its file is what the launcher asks for. */
const ENTRIES = ['worker', 'main']

/** Builds beside the target. Packages stay outside: they are found where they are installed. */
async function bundle(folder) {
  const { build } = await import('esbuild')
  await build({
    absWorkingDir: root,
    entryPoints: { main: 'src/main.ts', worker: 'src/server/worker.ts' },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    logLevel: 'error',
  })
}

/**
 * Into dist/, entries last. Others are named by their content, so that a process which runs goes on with its own, and one
 * that starts meanwhile finds all of the old files or all of the new ones.
 */
function publish(folder, since) {
  const entries = ENTRIES.map(name => `${name}.js`)
  const chunks = readdirSync(folder).filter(name => !entries.includes(name))
  mkdirSync(target, { recursive: true })
  for (const name of [...chunks, ...entries]) {
    // A source that was changed while the build ran is newer than what came of it.
    utimesSync(join(folder, name), since, since)
    renameSync(join(folder, name), join(target, name))
  }
}

export async function build({ keep = false } = {}) {
  const since = new Date()
  const folder = mkdtempSync(join(root, '.dist-'))
  try {
    await bundle(folder)
    if (!keep) rmSync(target, { recursive: true, force: true })
    publish(folder, since)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build({ keep: process.argv.includes('--keep') })
