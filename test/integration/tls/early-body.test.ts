// Bodies that are there before the TLS connection to their origin is.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { bootstrap, freePorts, httpListener, ProxyProcess, staticCluster, TestAuthority } from '../../harness/index.ts'

const authority = new TestAuthority()
const { cert, key } = authority.issue('origin.test')
const origin = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, async (request, response) => {
  const hash = createHash('sha256')
  for await (const piece of request) hash.update(piece as Buffer)
  // So that every request finds no connection.
  response.setHeader('connection', 'close')
  response.end(hash.digest('hex'))
})

let proxy: ProxyProcess
let port: number
before(async () => {
  origin.listen(0, '127.0.0.1')
  await once(origin, 'listening')
  port = (await freePorts(1))[0]!
  const tls = {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
        sni: 'origin.test',
        common_tls_context: { validation_context: { trusted_ca: { filename: authority.ca } } },
      },
    },
  }
  const cluster = staticCluster('origin', (origin.address() as AddressInfo).port, tls)
  proxy = await ProxyProcess.start(bootstrap([httpListener({ port })], [cluster]))
})
after(async () => {
  await proxy?.stop()
  origin.close()
  authority[Symbol.dispose]()
})

for (const size of [1, 60_000, 70_000, 300_000, 3_000_000]) {
  test(`${size} bytes`, async () => {
    const body = Buffer.alloc(size, 'abc')
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body })
    assert.equal(response.status, 200)
    assert.equal(await response.text(), createHash('sha256').update(body).digest('hex'))
  })
}
