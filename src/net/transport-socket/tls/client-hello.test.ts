import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'
import { fuzz } from '../../../../test/harness/fuzz.ts'
import { parseClientHello } from './client-hello.ts'

/** What a real TLS client sends first. */
async function clientHello(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = tls.connect({ port: (server.address() as net.AddressInfo).port, host: '127.0.0.1', ...options })
  client.on('error', () => undefined)
  const [socket] = (await once(server, 'connection')) as [net.Socket]
  const chunks: Buffer[] = []
  while (parseClientHello(Buffer.concat(chunks)) === 'more') chunks.push((await once(socket, 'data'))[0] as Buffer)
  client.destroy()
  socket.destroy()
  server.close()
  return Buffer.concat(chunks)
}

test('server name and protocols of a real client, whatever the pieces', async () => {
  const bytes = await clientHello({ servername: 'A.Test', ALPNProtocols: ['h2', 'http/1.1'] })
  const expected = {
    serverName: 'a.test',
    applicationProtocols: ['h2', 'http/1.1'],
    acceptsEcdsa: true,
    acceptsEcdsaBefore13: true,
    wantsOcsp: false,
  }
  assert.deepEqual(parseClientHello(bytes), expected)
  for (let size = 0; size < bytes.length; size++)
    assert.equal(parseClientHello(bytes.subarray(0, size)), 'more', `${size}`)
})

test('a client that names nothing', async () => {
  assert.deepEqual(parseClientHello(await clientHello({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })), {
    serverName: null,
    applicationProtocols: [],
    acceptsEcdsa: true,
    acceptsEcdsaBefore13: true,
    wantsOcsp: false,
  })
})

test('a hello spread over several records', async () => {
  const whole = await clientHello({ servername: 'a.test' })
  const message = whole.subarray(5)
  const records: Buffer[] = []
  for (let at = 0; at < message.length; at += 40) {
    const part = message.subarray(at, at + 40)
    records.push(Buffer.from([22, 3, 1, 0, part.length]), part)
  }
  assert.deepEqual(parseClientHello(Buffer.concat(records)), {
    serverName: 'a.test',
    applicationProtocols: [],
    acceptsEcdsa: true,
    acceptsEcdsaBefore13: true,
    wantsOcsp: false,
  })
})

test('other bytes are no hello', () => {
  for (const text of ['GET / HTTP/1.1\r\n', 'PRI * HTTP/2.0\r\n', '\0\x01\x02']) {
    assert.equal(parseClientHello(Buffer.from(text, 'latin1')), 'none', text)
  }
  assert.equal(parseClientHello(Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0])), 'none')
  assert.equal(parseClientHello(Buffer.from([22, 3, 1, 0, 0])), 'none')
})

test('what follows a whole hello, such as early data, changes nothing', async () => {
  const hello = await clientHello({ servername: 'a.test' })
  for (const record of [Buffer.from([20, 3, 3, 0, 1, 1]), Buffer.from([23, 3, 3, 0, 2, 9, 9]), Buffer.from([23, 3])])
    assert.deepEqual(parseClientHello(Buffer.concat([hello, record])), parseClientHello(hello))
  assert.equal(
    parseClientHello(Buffer.concat([Buffer.from([22, 3, 1, 0, 1, 1]), Buffer.from([20, 3, 3, 0, 1, 1])])),
    'none',
  )
})

test('no bytes make it throw; what says it is whole is the same whatever follows', async () => {
  const hello = await clientHello({ servername: 'a.test', ALPNProtocols: ['h2'] })
  fuzz(random => {
    const bytes = random.mutate(hello, random.below(6))
    const cut = bytes.subarray(0, random.below(bytes.length + 1))
    const result = parseClientHello(cut)
    if (result === 'more') return
    assert.deepEqual(parseClientHello(Buffer.concat([cut, random.bytes(9)])), result)
  }, 300)
})
