import { once } from 'node:events'
import { createServer } from 'node:net'

// Below the kernel's own choice for clients (32768 and up), where a connection of anybody's could take a port meanwhile.
const FIRST = 10_000
const PAST = 32_000
/** Test files run in processes of neighbouring numbers: far more ports apart than one of them asks for. */
const STRIDE = 397

let next = FIRST + ((process.pid * STRIDE) % (PAST - FIRST))

/**
 * Ports that nobody listens on, all different. A bootstrap has to name its ports, and since proxies share a port
 * (SO_REUSEPORT), two test processes that were given the same one would answer each other's clients without an error:
 * each process counts on from a place of its own.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = next
    next = next + 1 < PAST ? next + 1 : FIRST
    if (await isFree(port)) ports.push(port)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false
    throw error
  }
  await once(server.close(), 'close')
  return true
}
