import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import tls from 'node:tls'
import { writeCertificates } from './certificates.ts'

test('certificates that a TLS handshake of both sides accepts, by name and by authority', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'demo-certificates-'))
  writeCertificates(folder, ['a', 'b'])
  const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
  const leaf = new X509Certificate(read('a.pem'))
  assert.ok(leaf.checkIssued(new X509Certificate(read('ca.pem'))))
  assert.equal(leaf.subjectAltName, 'DNS:a, URI:spiffe://demo/a')
  const options = (name: string) => ({
    cert: read(`${name}.pem`),
    key: read(`${name}.key`),
    ca: read('ca.pem'),
  })
  const server = tls.createServer({ ...options('a'), requestCert: true, rejectUnauthorized: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = tls.connect({ ...options('b'), port, host: '127.0.0.1', servername: 'a' })
  await once(client, 'secureConnect')
  assert.ok(client.authorized)
  client.destroy()
  const stranger = tls.connect({ ...options('b'), port, host: '127.0.0.1', servername: 'c' })
  const [error] = (await once(stranger, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ERR_TLS_CERT_ALTNAME_INVALID')
  server.close()
  rmSync(folder, { recursive: true })
})
