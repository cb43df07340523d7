import assert from 'node:assert/strict'
import { once } from 'node:events'
import fs from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { LISTENER_STATS } from '../../../src/downstream/listener-stats.ts'
import { directResponse, echo, L4Worker, listener, typed } from './kit.ts'
import { client, Peer } from './peers.ts'

const workers: L4Worker[] = []
after(() => {
  for (const made of workers) made.close()
})

function worker(options = {}): L4Worker {
  const made = new L4Worker(options)
  workers.push(made)
  return made
}

const listenerStat = (from: L4Worker, name: string): number => from.stat('listener.s.', LISTENER_STATS, name)

test('echo sends back bytes and the half-close', async () => {
  const port = await worker().listen(listener([echo]))
  const peer = await client(port)
  peer.send('hello')
  await peer.expect('hello')
  peer.send(' again')
  peer.socket.end()
  await peer.expect('hello again')
  await peer.end()
})

test('direct_response writes and closes', async () => {
  const port = await worker().listen(listener([directResponse('bye\n')]))
  const peer = await client(port)
  await peer.end()
  assert.equal(peer.received.toString(), 'bye\n')
})

test('a chain is chosen per connection; without one the connection is closed and counted', async () => {
  const made = worker()
  const chain = (address: string, text: string): object => ({
    filterChainMatch: { sourcePrefixRanges: [{ addressPrefix: address, prefixLen: 32 }] },
    filters: [directResponse(text)],
  })
  const port = await made.listen(
    listener([], { statPrefix: 's', filterChains: [chain('127.0.0.2', 'two'), chain('127.0.0.3', 'three')] }),
  )
  for (const [localAddress, text] of [
    ['127.0.0.2', 'two'],
    ['127.0.0.3', 'three'],
    ['127.0.0.4', ''],
  ] as const) {
    const peer = await client(port, { localAddress })
    await peer.end()
    assert.equal(peer.received.toString(), text)
  }
  assert.equal(listenerStat(made, 'no_filter_chain_match'), 1)
  assert.equal(listenerStat(made, 'downstream_cx_total'), 2)
})

test('the default filter chain takes what no other matches', async () => {
  const port = await worker().listen(
    listener([], {
      filterChains: [{ filterChainMatch: { destinationPort: 1 }, filters: [directResponse('one')] }],
      defaultFilterChain: { filters: [directResponse('default')] },
    }),
  )
  const peer = await client(port)
  await peer.end()
  assert.equal(peer.received.toString(), 'default')
})

test('beyond the connection limits of listener and process, connections are closed at once', async () => {
  const made = worker({ runtime: { envoy: { resource_limits: { listener: { l: { connection_limit: 1 } } } } } })
  const port = await made.listen(listener([echo], { statPrefix: 's' }))
  const first = await client(port)
  first.send('x')
  await first.expect('x')
  const second = await client(port)
  await second.gone()
  assert.equal(listenerStat(made, 'downstream_cx_overflow'), 1)
  first.socket.end()
  await first.end()

  const limited = worker({ maxGlobalConnections: 1 })
  const free = await limited.listen(listener([echo], { name: 'free', statPrefix: 'f', ignoreGlobalConnLimit: true }))
  const counted = await limited.listen(listener([echo], { statPrefix: 's' }))
  const peers = [await client(free), await client(free), await client(counted)]
  for (const peer of peers) {
    peer.send('x')
    await peer.expect('x')
  }
  const over = await client(counted)
  await over.gone()
  assert.equal(listenerStat(limited, 'downstream_global_cx_overflow'), 1)
})

test('connection_limit delays the close of what it refuses', async () => {
  const limit = typed('limit', 'filters.network.connection_limit.v3.ConnectionLimit', {
    statPrefix: 'x',
    maxConnections: '1',
    delay: '0.05s',
  })
  const port = await worker().listen(listener([limit, echo]))
  const first = await client(port)
  first.send('x')
  await first.expect('x')
  const startMs = performance.now()
  const second = await client(port)
  second.send('y')
  await second.gone()
  assert.ok(performance.now() - startMs >= 45)
  assert.equal(second.received.length, 0)
  first.socket.end()
  await first.end()
})

test('a client that does not read its echo is not read from', async () => {
  const port = await worker().listen(listener([echo], { perConnectionBufferLimitBytes: 1024 }))
  const socket = net.connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  socket.pause()
  const chunk = Buffer.alloc(1 << 20, 'a')
  let taken = 0
  let stalled = false
  // Kernel buffers are all that can hold what nobody reads: a write that is not taken says they are full.
  while (!stalled) {
    if (socket.write(chunk)) taken += chunk.length
    else {
      const drained = await Promise.race([
        once(socket, 'drain').then(() => true),
        new Promise<boolean>(resolve => setTimeout(() => resolve(false), 300)),
      ])
      if (drained) taken += chunk.length
      else stalled = true
    }
    assert.ok(taken < 64 << 20, 'the echo must stop reading')
  }
  let echoed = 0
  const total = taken + chunk.length
  socket.on('data', data => {
    echoed += data.length
    if (echoed === total) socket.end()
  })
  socket.resume()
  await once(socket, 'close')
  assert.equal(echoed, total)
})

test('a replaced listener keeps its socket; old connections keep their plan until the drain time', async () => {
  const made = worker({ drainTimeMs: 60 })
  const port = await made.listen(
    listener([echo], { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } }),
  )
  const old = await client(port)
  old.send('x')
  await old.expect('x')
  assert.equal(await made.listen(listener([directResponse('new')])), port)
  const fresh = await client(port)
  await fresh.end()
  assert.equal(fresh.received.toString(), 'new')
  old.send('y')
  await old.expect('xy')
  await old.gone()
})

test('a removed listener refuses connections and lets open ones finish', async () => {
  const made = worker()
  const port = await made.listen(listener([echo]))
  const open = await client(port)
  open.send('x')
  await open.expect('x')
  await made.listeners.remove('l')
  await assert.rejects(client(port), { code: 'ECONNREFUSED' })
  open.send('y')
  await open.expect('xy')
  const idle = new Promise<void>(resolve => made.listeners.whenIdle(resolve))
  open.socket.end()
  await idle
})

test('an address that is taken is an error, and the old listener goes on', async () => {
  const made = worker()
  const port = await made.listen(listener([directResponse('old')], { enableReusePort: false }))
  const taken = net.createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const portValue = (taken.address() as net.AddressInfo).port
  await assert.rejects(
    made.listen(
      listener([echo], { address: { socketAddress: { address: '127.0.0.1', portValue } }, enableReusePort: false }),
    ),
    { code: 'EADDRINUSE' },
  )
  taken.close()
  const peer = await client(port)
  await peer.end()
  assert.equal(peer.received.toString(), 'old')
})

test('a pipe listener: mode, stale file, live file', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'l4-'))
  const file = path.join(folder, 's')
  const stale = net.createServer().listen(file)
  await once(stale, 'listening')
  // What a killed process leaves behind: a socket file that nobody accepts on.
  fs.linkSync(file, `${file}.kept`)
  stale.close()
  fs.renameSync(`${file}.kept`, file)
  const made = worker()
  await made.listen(listener([echo], { address: { pipe: { path: file, mode: 0o600 } } }))
  assert.equal(fs.statSync(file).mode & 0o777, 0o600)
  const socket = net.connect({ path: file, allowHalfOpen: true })
  await once(socket, 'connect')
  const peer = new Peer(socket)
  peer.send('x')
  await peer.expect('x')
  await assert.rejects(worker().listen(listener([echo], { address: { pipe: { path: file } } })), { code: 'EADDRINUSE' })
  socket.destroy()
  made.close()
  fs.rmSync(folder, { recursive: true })
})

test('mistakes are named where they stand', () => {
  const made = worker()
  assert.deepEqual(made.errorsOf({ name: 'l', address: { socketAddress: { address: 'localhost', portValue: 1 } } }), [
    'address.socket_address.address: a listener needs an IP address',
    'filter_chains: a listener needs at least one filter chain',
  ])
  const limit = typed('limit', 'filters.network.connection_limit.v3.ConnectionLimit', {
    statPrefix: 'x',
    maxConnections: '1',
  })
  assert.deepEqual(made.errorsOf(listener([echo, limit])), [
    'filter_chains[0].filters[0]: echo ends a filter chain, so nothing may come after it',
    'filter_chains[0].filters[1]: limit cannot be the last filter: nothing would answer the client',
  ])
  assert.equal(made.errorsOf(listener([echo], { address: { pipe: { path: '@abstract' } } })).length, 1)
  assert.equal(made.errorsOf(listener([typed('x', 'filters.network.echo.v3.Ecko')])).length, 1)
})
