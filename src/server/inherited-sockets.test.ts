import assert from 'node:assert/strict'
import net from 'node:net'
import { test } from 'node:test'
import { ipAddress } from '../net/index.ts'
import { inheritedDescriptor, inheritedSockets, ipText } from './inherited-sockets.ts'

test('descriptors from 3 on, for this process only', () => {
  const address = (fd: number) => (fd === 4 ? undefined : `127.0.0.1:${fd}`)
  const names = (environment: object) => inheritedSockets(environment as NodeJS.ProcessEnv, 7, address)
  assert.deepEqual(names({ LISTEN_FDS: '3', LISTEN_PID: '7' }), [
    { fd: 3, address: '127.0.0.1:3' },
    { fd: 5, address: '127.0.0.1:5' },
  ])
  assert.equal(names({ LISTEN_FDS: '1' }).length, 1)
  for (const environment of [{}, { LISTEN_FDS: '1', LISTEN_PID: '8' }, { LISTEN_FDS: 'x' }, { LISTEN_FDS: '-1' }]) {
    assert.deepEqual(names(environment), [])
  }
})

test('the k-th descriptor of an address belongs to worker k', () => {
  const sockets = [
    { fd: 3, address: '127.0.0.1:80' },
    { fd: 4, address: '127.0.0.1:81' },
    { fd: 5, address: '127.0.0.1:80' },
  ]
  const at = (worker: number, port: number) => inheritedDescriptor(sockets, worker)(ipAddress('127.0.0.1', port))
  assert.deepEqual([at(0, 80), at(1, 80), at(2, 80)], [3, 5, 'elsewhere'])
  assert.deepEqual([at(0, 81), at(1, 81)], [4, 'elsewhere'])
  assert.equal(at(0, 82), undefined)
})

test("the kernel's form of addresses", () => {
  assert.equal(ipText('0100007F:1F90'), '127.0.0.1:8080')
  assert.equal(ipText('00000000000000000000000001000000:0050'), '[::1]:80')
  assert.equal(ipText('B80D0120000000000000000001000000:01BB'), '[2001:db8::1]:443')
})

test('the address of a listening descriptor is asked of the kernel', {
  skip: process.platform !== 'linux',
}, async () => {
  const server = net.createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle
  const { port } = server.address() as net.AddressInfo
  const found = inheritedSockets({ LISTEN_FDS: String(fd - 2) }, 1).filter(socket => socket.fd === fd)
  assert.deepEqual(found, [{ fd, address: `127.0.0.1:${port}` }])
  server.close()
})
