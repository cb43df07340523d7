import { loadProgram } from './load-program.ts'

const { program, keepCode } = await loadProgram(() => import('./cli/index.ts'))
// Set, not exited with: output that is still under way must arrive.
process.exitCode = await program.run(process.argv.slice(2), undefined, keepCode)
