// Loaded ahead of the rest of the room: worker threads load their code while the main thread loads its own.
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { WORKER_ENTRY } from '../base/index.ts'

/** A worker thread that waits for its settings. */
export function startWorker(index: number): Worker {
  return new Worker(WORKER_ENTRY, { name: `worker_${index}` })
}

/** `count` workers, null: one per core. */
export function startWorkers(count: number | null): readonly Worker[] {
  return Array.from({ length: Math.max(1, count ?? availableParallelism()) }, (_, index) => startWorker(index))
}
