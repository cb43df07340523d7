import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { fuzzAsync } from '../../../../test/harness/fuzz.ts'
import { ConfigPath, Diagnostics, ExtensionRegistry, runtimeSnapshot } from '../../../config/index.ts'
import { connect, ipAddress } from '../../../net/index.ts'
import { testThread } from '../../../net/testing.ts'
import type { CheckerPlan } from '../../../upstream/index.ts'
import { redisHealthCheckerFactory } from './index.ts'

const CONTEXT = {
  diagnostics: new Diagnostics(),
  extensions: new ExtensionRegistry(),
  node: {},
  runtime: runtimeSnapshot([]),
  hasCluster: () => true,
  readFile: () => Buffer.alloc(0),
}

/** A server of bytes, and a check of it that says what it found, once per call. */
async function setUp(t: TestContext, config: object, answer: (socket: Socket, asked: string) => void, reuse = true) {
  const asked: string[] = []
  const sockets: Socket[] = []
  const server = net.createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('data', data => {
      asked.push(data.toString('latin1'))
      answer(socket, data.toString('latin1'))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = ipAddress('127.0.0.1', (server.address() as AddressInfo).port)
  const thread = testThread()
  const plan = redisHealthCheckerFactory.compile(config, CONTEXT, ConfigPath.root) as CheckerPlan
  let heard: (text: string) => void = () => undefined
  const check = plan.open(
    {
      thread,
      clusterName: 'c',
      statPrefix: 'cluster.c.',
      address,
      hostname: '',
      timeoutMs: 1000,
      reuseConnection: reuse,
      connect: () => connect(thread, address),
    },
    {
      onCheckPassed: () => heard('passed'),
      onCheckFailed: failure => heard(failure),
      onExcluded: () => undefined,
      onClusterVerified: () => undefined,
    },
  )
  t.after(() => check.close())
  const next = (): Promise<string> => {
    const { promise, resolve } = Promise.withResolvers<string>()
    heard = resolve
    check.begin()
    return promise
  }
  return { next, asked, sockets }
}

test('PING must be answered with PONG, over one connection', async t => {
  let answer = '+PONG\r\n'
  const { next, asked, sockets } = await setUp(t, {}, socket => void socket.write(answer))
  assert.deepEqual([await next(), await next(), sockets.length], ['passed', 'passed', 1])
  assert.equal(asked[0], '*1\r\n$4\r\nPING\r\n')
  answer = '-LOADING Redis is loading the dataset in memory\r\n'
  assert.equal(await next(), 'ACTIVE')
})

test('a key that exists takes the host out', async t => {
  let answer = ':0\r\n'
  const { next, asked } = await setUp(t, { key: 'grün' }, socket => void socket.write(answer))
  assert.equal(await next(), 'passed')
  assert.equal(asked[0], Buffer.from('*2\r\n$6\r\nEXISTS\r\n$5\r\ngrün\r\n').toString('latin1'))
  answer = ':1\r\n'
  assert.equal(await next(), 'ACTIVE')
})

test('an answer in pieces is one answer; a close is a network failure; too long a line is none', async t => {
  const behaviours: ((socket: Socket) => void)[] = [
    socket => {
      socket.write('+PO')
      setImmediate(() => socket.write('NG\r\n'))
    },
    socket => void socket.destroy(),
    socket => void socket.write('x'.repeat(100_000)),
    socket => void socket.write('+PONG\r\n+PONG\r\n'),
    socket => void socket.write('+PONG\r\n'),
  ]
  const { next, sockets } = await setUp(t, {}, socket => behaviours.shift()?.(socket))
  assert.deepEqual([await next(), await next(), await next()], ['passed', 'NETWORK', 'ACTIVE'])
  // What follows the answer is not the answer to the next question.
  assert.deepEqual([await next(), await next(), sockets.length], ['passed', 'passed', 4])
})

test('without reuse every check has a connection of its own', async t => {
  const { next, sockets } = await setUp(t, {}, socket => void socket.write('+PONG\r\n'), false)
  assert.deepEqual([await next(), await next(), sockets.length], ['passed', 'passed', 2])
})

test('whatever a server says, each check ends once, and only the exact answer passes', async t => {
  let pieces: readonly Buffer[] = []
  const say = (socket: Socket): void => {
    for (const piece of pieces) socket.write(piece)
    socket.end()
  }
  const { next } = await setUp(t, {}, say, false)
  await fuzzAsync(async random => {
    const text = random.mutateText(
      '+PONG\r\n',
      ['\r\n', '+PONG\r\n', '-ERR\r\n', '\0', '$-1\r\n', 'x'],
      random.below(3),
    )
    pieces = random.split(Buffer.from(text, 'latin1'))
    const found = await next()
    // What does not end a line is followed by the server's end.
    const line = text.slice(0, text.indexOf('\r\n'))
    assert.equal(found === 'passed', text.includes('\r\n') && line === '+PONG', JSON.stringify([text, found]))
  }, 500)
})
