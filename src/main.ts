import { useCompileCache } from './server/compile-cache.ts'

useCompileCache()
const { run } = await import('./cli/index.ts')
// Set, not exited with: output that is still under way must arrive.
process.exitCode = await run(process.argv.slice(2))
