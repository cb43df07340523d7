// Entry of a worker thread.
import { parentPort } from 'node:worker_threads'
import { loadProgram } from './load-program.ts'
import type { FromWorker, ToWorker } from './server/index.ts'

const { program, keepCode } = await loadProgram(() => import('./server/worker-runtime.ts'))
const port = parentPort!
let runtime: InstanceType<typeof program.WorkerRuntime> | undefined
// Messages that came while the code was being loaded are delivered now.
port.on('message', (message: ToWorker) => {
  if (message.type === 'configure') runtime = start(message)
  else if (runtime !== undefined) void runtime.handle(message)
  else if (message.type === 'exit') process.exit(0)
})

function start({ settings, statsPort }: ToWorker & { type: 'configure' }): InstanceType<typeof program.WorkerRuntime> {
  keepCode()
  return new program.WorkerRuntime(settings, (message: FromWorker) => {
    if (message.type === 'stats') statsPort.postMessage(message.definitions)
    else port.postMessage(message)
  })
}
