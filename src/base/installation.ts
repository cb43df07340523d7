/**
 * The folder of the installation, with package.json, gen/ and examples/. Code runs from src/<room>/ in a clone and from
 * files in dist/ once it is built.
 */
export const INSTALLATION = new URL(import.meta.url.endsWith('.ts') ? '../../' : '../', import.meta.url)

/** Entry of worker threads, in the form in which this thread's code runs. */
export const WORKER_ENTRY = new URL(import.meta.url.endsWith('.ts') ? 'src/worker.ts' : 'dist/worker.js', INSTALLATION)
