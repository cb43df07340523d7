// The bootstraps under examples/ with TLS, and those whose parts come from files.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { freePorts, RawClient, TestAuthority } from '../harness/index.ts'
import { EXAMPLES, headerOf, response, run, withPorts } from './run-example.ts'

const ASK = (host: string): string => `GET /a HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`

/** One request over TLS; the name in the certificate that was shown, and the answer. */
async function askSecurely(port: number, servername: string, ca: string, own = {}): Promise<readonly [string, string]> {
  const socket = connect({ port, host: '127.0.0.1', servername, ca: readFileSync(ca), ...own })
  await once(socket, 'secureConnect')
  const shown = socket.getPeerCertificate().subject.CN as string
  using client = RawClient.over(socket)
  client.send(ASK(servername))
  return [shown, await client.untilEnd()]
}

/** A folder with certificates/ in it. */
function folderOf(authority: TestAuthority): string {
  const folder = join(authority.folder, 'run')
  mkdirSync(join(folder, 'certificates'), { recursive: true })
  copyFileSync(authority.ca, join(folder, 'certificates', 'ca.pem'))
  return folder
}

function place(folder: string, name: string, { cert, key }: { cert: string; key: string }): void {
  copyFileSync(cert, join(folder, 'certificates', `${name}.pem`))
  copyFileSync(key, join(folder, 'certificates', `${name}.key`))
}

test('TLS by name, and from plain HTTP there', async () => {
  using authority = new TestAuthority()
  const folder = folderOf(authority)
  for (const site of ['shop', 'blog']) place(folder, site, authority.issue(`${site}.example.com`))
  const { get, securePort, asked, stop } = await run('tls.yaml', { cwd: folder })
  for (const [site, origin] of [
    ['shop.example.com', '9001'],
    ['blog.example.com', '9002'],
  ] as const) {
    const [shown, answer] = await askSecurely(securePort, site, authority.ca)
    assert.equal(shown, site)
    assert.ok(answer.endsWith(`${origin} /a ${site}`), answer)
    assert.equal(headerOf(asked.at(-1)!, 'x-forwarded-proto'), 'https')
  }
  assert.match(
    await get('/a?b', 'host: shop.example.com\r\n'),
    /^HTTP\/1\.1 301 .*https:\/\/shop\.example\.com:8443\/a\?b\r\n/s,
  )
  await assert.rejects(askSecurely(securePort, 'other.example.com', authority.ca))
  await stop()
})

test('TLS with certificates of both sides', async () => {
  using authority = new TestAuthority()
  const folder = folderOf(authority)
  place(folder, 'server', authority.issue('edge.example.com'))
  const { cert, key } = authority.issue('origin.example.com')
  const seen: { client: string; xfcc: string | undefined }[] = []
  const origin = createServer({
    cert: readFileSync(cert),
    key: readFileSync(key),
    ca: readFileSync(authority.ca),
    requestCert: true,
  })
  origin.on('secureConnection', (socket: TLSSocket) => {
    socket.on('data', data => {
      const xfcc = /^x-forwarded-client-cert: (.*)\r$/m.exec(data.toString())?.[1]
      seen.push({ client: socket.getPeerCertificate().subject.CN as string, xfcc })
      socket.write(response('from the origin'))
    })
  })
  await once(origin.listen(0, '127.0.0.1'), 'listening')
  const { port } = origin.address() as { port: number }
  const { securePort, stop } = await run('mtls.yaml', { cwd: folder, origins: { 9001: port } })
  const showing = (sans: string): object => {
    const files = authority.issue('frontend', { sans })
    return { cert: readFileSync(files.cert), key: readFileSync(files.key) }
  }
  const ask = (own: object): Promise<readonly [string, string]> =>
    askSecurely(securePort, 'edge.example.com', authority.ca, own)
  assert.match((await ask(showing('URI:spiffe://example.com/frontend')))[1], /from the origin$/)
  assert.equal(seen[0]?.client, 'edge.example.com')
  assert.match(seen[0]?.xfcc ?? '', /Subject="CN=frontend";URI=spiffe:\/\/example\.com\/frontend$/)
  for (const own of [{}, showing('URI:spiffe://example.com/stranger')]) {
    const answer = await ask(own).catch(() => ['', ''] as const)
    assert.equal(answer[1], '')
  }
  assert.equal(seen.length, 1)
  await stop()
  origin.close()
})

test('the commands in mtls.yaml make the certificates that it needs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mtls-'))
  const text = readFileSync(join(EXAMPLES, 'mtls.yaml'), 'utf8')
  const commands = [...text.matchAll(/^# {3}(.*)$/gm)].map(([, line]) => line as string)
  const makes = commands.slice(
    0,
    commands.findIndex(line => line.startsWith('curl ')),
  )
  execFileSync('bash', ['-e', '-o', 'pipefail', '-c', makes.join('\n')], { cwd: folder, stdio: 'pipe' })
  const file = (name: string): Buffer => readFileSync(join(folder, 'certificates', name))
  const own = { cert: file('origin.pem'), key: file('origin.key') }
  const origin = createServer(own, socket => socket.once('data', () => socket.write(response('by TLS'))))
  await once(origin.listen(0, '127.0.0.1'), 'listening')
  const { port } = origin.address() as { port: number }
  const { securePort, stop } = await run('mtls.yaml', { cwd: folder, origins: { 9001: port } })
  const client = { cert: file('client.pem'), key: file('client.key') }
  const ca = join(folder, 'certificates', 'ca.pem')
  assert.match((await askSecurely(securePort, 'edge.example.com', ca, client))[1], /by TLS$/)
  await stop()
  origin.close()
  rmSync(folder, { recursive: true })
})

test('listeners and clusters from files', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'dynamic-files-'))
  const files = join(folder, 'examples', 'dynamic-files')
  cpSync(join(EXAMPLES, 'dynamic-files'), files, { recursive: true })
  const [port] = await freePorts(1)
  const listeners = readFileSync(join(files, 'listeners.yaml'), 'utf8')
  writeFileSync(join(files, 'listeners.yaml'), withPorts('listeners', listeners, new Map([['8080', port!]])))
  const origins = await run('minimal.yaml')
  const clusters = readFileSync(join(files, 'clusters.yaml'), 'utf8')
  const pointTo = (other: number): void => {
    writeFileSync(join(files, 'new'), withPorts('clusters', clusters, new Map([['9001', other]])))
    renameSync(join(files, 'new'), join(files, 'clusters.yaml'))
  }
  pointTo(origins.port)
  const { adminPort, stop } = await run('dynamic-files/outrider.yaml', { cwd: folder })
  const ask = async (): Promise<string> => {
    using client = await RawClient.connect(port!)
    client.send(ASK('example.com'))
    return await client.untilEnd()
  }
  assert.match(await ask(), /9001 \/a example\.com$/)
  // The proxy's own admin interface is as good a second origin as any.
  pointTo(adminPort)
  const given = AbortSignal.timeout(5000)
  while (!/^HTTP\/1\.1 404 .*invalid path/s.test(await ask())) assert.ok(!given.aborted, 'still the old cluster')
  await stop()
  await origins.stop()
  rmSync(folder, { recursive: true })
})
