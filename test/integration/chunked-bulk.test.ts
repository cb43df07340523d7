// Large chunked bodies both ways: what the client sent is what the origin got, and back.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster } from '../harness/index.ts'

const sha = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

test('a 5 MiB body in chunks of many sizes comes back byte for byte', async () => {
  const origin = createServer((incoming, answer) => incoming.pipe(answer)).listen(0, '127.0.0.1')
  await once(origin, 'listening')
  const [port] = (await freePorts(1)) as [number]
  const config = bootstrap([httpListener({ port })], [staticCluster('origin', (origin.address() as AddressInfo).port)])
  await using _proxy = await ProxyProcess.start(config)
  const body = randomBytes(5 * 1024 * 1024)
  const client = request({ port, host: '127.0.0.1', method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
  const answered = once(client, 'response')
  let at = 0
  for (const size of [1, 70_000, 3, 262_144, 65_536, 400_000, 17]) {
    client.write(body.subarray(at, at + size))
    at += size
  }
  client.end(body.subarray(at))
  const [answer] = await answered
  const parts: Buffer[] = []
  for await (const part of answer) parts.push(part as Buffer)
  assert.equal(sha(Buffer.concat(parts)), sha(body))
  origin.close()
})
