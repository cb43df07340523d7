// Ten origins in a thread of their own: one server behind 127.0.9.1 to 127.0.9.10 that takes longer behind one of them.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { parentPort } from 'node:worker_threads'

const port = parentPort!
const BASE_MS = 4
const counts = new Map<string, number>()
let slow = ''
let slowness = 1

const server = createServer((request, response) => {
  const address = request.socket.localAddress ?? ''
  counts.set(address, (counts.get(address) ?? 0) + 1)
  const latencyMs = BASE_MS * (0.75 + Math.random() / 2) * (address === slow ? slowness : 1)
  setTimeout(() => response.end(address), latencyMs)
})
server.listen(0, '0.0.0.0', () => port.postMessage((server.address() as AddressInfo).port))

export interface OriginsCommand {
  readonly slow?: string
  readonly slowness?: number
}

/** Answers every command with the counts since the one before. */
port.on('message', (command: OriginsCommand) => {
  slow = command.slow ?? slow
  slowness = command.slowness ?? slowness
  port.postMessage(Object.fromEntries(counts))
  counts.clear()
})
