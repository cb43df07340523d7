import { loadProgram } from './load-program.ts'

const { program, keepCode } = await loadProgram()
const { run } = await program.loadCli()
// Set, not exited with: output that is still under way must arrive.
process.exitCode = await run(process.argv.slice(2), undefined, keepCode)
