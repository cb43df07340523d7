import { run } from './cli/index.ts'

// Set, not exited with: output that is still under way must arrive.
process.exitCode = await run(process.argv.slice(2))
