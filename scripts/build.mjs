// `npm run build`: src/ to four files in dist/: for each kind of thread all that it runs, as one script that V8's compiled
// code can be kept of, and a small module that loads it. They load in a fraction of the time and memory of 800 modules.
// The package consists of them. A clone runs them too, as long as no source is newer: bin/outrider sees to that.
// Plain JavaScript that any Node >= 20 runs, as `npm ci` and the launcher do.
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const target = join(root, 'dist')
/** What is started by its name, and what that loads; the process last: its file is what the launcher asks for. */
const THREADS = { worker: 'src/server/worker-runtime.ts', main: 'src/cli/index.ts' }

/** Builds beside the target. Packages stay outside: they are found where they are installed. */
async function bundle(folder) {
  const { build } = await import('esbuild')
  for (const [thread, program] of Object.entries(THREADS)) await bundleThread(build, folder, thread, program)
}

async function bundleThread(build, folder, thread, program) {
  const options = {
    absWorkingDir: root,
    outdir: folder,
    bundle: true,
    platform: 'node',
    target: 'node24',
    logLevel: 'error',
  }
  const { metafile } = await build({
    ...options,
    entryPoints: { [`${thread}-program`]: program },
    entryNames: '[name]-[hash]',
    outExtension: { '.js': '.cjs' },
    metafile: true,
    packages: 'external',
    format: 'cjs',
    define: { 'import.meta.url': 'moduleUrl' },
    // Each thread holds the text, a quarter of which is indentation.
    minifyWhitespace: true,
    lineLimit: 120,
    banner: { js: '(function (exports, require, module, moduleUrl) {' },
    footer: { js: '})' },
  })
  await build({
    ...options,
    entryPoints: [`src/${thread}.ts`],
    external: [`./${relative('src', program)}`],
    format: 'esm',
    define: { PROGRAM_FILE: JSON.stringify(basename(Object.keys(metafile.outputs)[0])) },
  })
}

/**
 * Into dist/, entries last. Programs are named by their content, so that a process which runs goes on with its own, and one
 * that starts meanwhile finds all of the old or all of the new.
 */
function publish(folder, since) {
  const entries = Object.keys(THREADS).map(thread => `${thread}.js`)
  const programs = readdirSync(folder).filter(name => !entries.includes(name))
  mkdirSync(target, { recursive: true })
  for (const name of [...programs, ...entries]) {
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
