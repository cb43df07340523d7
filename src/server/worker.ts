// Entry of a worker thread.
import { parentPort, workerData } from 'node:worker_threads'
import type { FromWorker, ToWorker, WorkerData } from './messages.ts'
import { WorkerRuntime } from './worker-runtime.ts'

const port = parentPort!
let runtime: WorkerRuntime | undefined
port.on('message', (message: ToWorker) => {
  if (message.type === 'configure') {
    const send = (answer: FromWorker): void => port.postMessage(answer)
    runtime = new WorkerRuntime(workerData as WorkerData, message.settings, send)
  } else if (message.type === 'exit' && runtime === undefined) process.exit(0)
  else void runtime?.handle(message)
})
