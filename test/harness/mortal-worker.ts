// Preloaded into every thread of a proxy (`node --import`): worker 1 listens on a socket for the way in which it is to die.
import { createServer } from 'node:net'
import { threadName } from 'node:worker_threads'

const WAYS: Readonly<Record<string, () => void>> = {
  exception: () => {
    throw new Error('as asked')
  },
  rejection: () => void Promise.reject(new Error('as asked')),
  exit: () => process.exit(7),
  heap: () => {
    const kept: number[][] = []
    for (;;) kept.push(new Array<number>(100_000).fill(kept.length / 3))
  },
}

const path = process.env['MORTAL_WORKER']
if (path !== undefined && threadName === 'worker_1') {
  // An abstract socket: the kernel forgets it with the thread's descriptors.
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', word => {
      const die = WAYS[String(word)]
      // Any other word: what this thread has cost until now.
      if (die === undefined) socket.end(JSON.stringify(process.threadCpuUsage()))
      else setImmediate(die)
    })
  })
  server.listen(`\0${path}`).unref()
}
