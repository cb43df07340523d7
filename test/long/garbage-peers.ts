// Client and origin of garbage.test.ts, on a thread of their own: what they allocate is not counted.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { parentPort } from 'node:worker_threads'

const LANES = 32
const END = Buffer.from('\r\n\r\n')
const RESPONSE = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
const REQUEST = Buffer.from('GET / HTTP/1.1\r\nhost: service.example\r\n\r\n')

const origin = createServer({ noDelay: true }, socket => {
  socket.on('data', (data: Buffer) => {
    if (data.subarray(-4).equals(END)) socket.write(RESPONSE)
  })
  socket.on('error', () => socket.destroy())
}).listen(0, '127.0.0.1')
await once(origin, 'listening')
const port = parentPort!
port.postMessage((origin.address() as AddressInfo).port)

const [target] = (await once(port, 'message')) as [number]
const done = new Int32Array(((await once(port, 'message')) as [SharedArrayBuffer])[0])
for (let lane = 0; lane < LANES; lane++) {
  const socket = connect({ port: target, host: '127.0.0.1', noDelay: true }, () => socket.write(REQUEST))
  socket.on('data', (data: Buffer) => {
    if (data.subarray(-2).toString('latin1') !== 'ok') return
    Atomics.add(done, 0, 1)
    socket.write(REQUEST)
  })
  socket.on('error', () => socket.destroy())
}
