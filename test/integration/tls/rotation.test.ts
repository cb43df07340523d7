import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import {
  bootstrap,
  type CertificateFiles,
  freePorts,
  ProxyProcess,
  RawClient,
  TestAuthority,
} from '../../harness/index.ts'
import { downstreamTls, get, identity, pair, securedListener, shown } from './kit.ts'

const authority = new TestAuthority()
const stranger = new TestAuthority('Other CA')
const names = ['one', 'two', 'three', 'four', 'five', 'six'] as const
const certificates = new Map<string, CertificateFiles>(names.map(name => [name, authority.issue(name)]))
const client = authority.issue('client')
const strangersClient = stranger.issue('client')
after(() => {
  authority[Symbol.dispose]()
  stranger[Symbol.dispose]()
})
const of = (name: string): CertificateFiles => certificates.get(name)!

/** The files under test: plain ones, and ones behind a link that is swapped as Kubernetes does it. */
const plain = { cert: join(authority.folder, 'live.pem'), key: join(authority.folder, 'live.key') }
const linked = { cert: join(authority.folder, 'mount', 'tls.crt'), key: join(authority.folder, 'mount', 'tls.key') }
const secretFile = join(authority.folder, 'secret.yaml')
const trustFile = join(authority.folder, 'trusted.pem')

function copyPair(from: CertificateFiles, to: CertificateFiles): void {
  copyFileSync(from.cert, to.cert)
  copyFileSync(from.key, to.key)
}

/** Swaps mount/..data to a folder that holds `name`, in one step. */
function swapMount(name: string): void {
  const folder = join(authority.folder, 'mount')
  mkdirSync(join(folder, name), { recursive: true })
  copyPair(of(name), { cert: join(folder, name, 'tls.crt'), key: join(folder, name, 'tls.key') })
  symlinkSync(name, join(folder, '..new'))
  renameSync(join(folder, '..new'), join(folder, '..data'))
}

const secretText = ({ cert, key }: CertificateFiles): string =>
  JSON.stringify({
    resources: [
      {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
        name: 'served',
        tls_certificate: { certificate_chain: { filename: cert }, private_key: { filename: key } },
      },
    ],
  })

let proxy: ProxyProcess
let [plainPort, linkedPort, secretPort, trustPort] = [0, 0, 0, 0]
before(async () => {
  ;[plainPort, linkedPort, secretPort, trustPort] = (await freePorts(4)) as [number, number, number, number]
  copyPair(of('one'), plain)
  copyFileSync(authority.ca, trustFile)
  writeFileSync(secretFile, secretText(of('one')))
  swapMount('one')
  symlinkSync('..data/tls.crt', linked.cert)
  symlinkSync('..data/tls.key', linked.key)
  const served = {
    name: 'served',
    sds_config: { path_config_source: { path: secretFile, watched_directory: { path: authority.folder } } },
  }
  const listeners = [
    securedListener({
      port: plainPort,
      tls: downstreamTls({ common_tls_context: { tls_certificates: [pair(plain)] } }),
    }),
    securedListener({
      port: linkedPort,
      tls: downstreamTls({ common_tls_context: { tls_certificates: [pair(linked)] } }),
    }),
    securedListener({
      port: secretPort,
      tls: downstreamTls({ common_tls_context: { tls_certificate_sds_secret_configs: [served] } }),
    }),
    securedListener({
      port: trustPort,
      tls: downstreamTls({
        common_tls_context: {
          tls_certificates: [pair(of('one'))],
          validation_context: { trusted_ca: { filename: trustFile } },
        },
        require_client_certificate: true,
      }),
    }),
  ]
  // Two workers: each of them must hear of it.
  proxy = await ProxyProcess.start(bootstrap(listeners, []), { concurrency: 2 })
})
after(() => proxy[Symbol.asyncDispose]())

/** Asks until every worker shows the certificate; connections go to either of them. */
async function untilShown(port: number, name: string): Promise<void> {
  for (let inRow = 0; inRow < 8; ) inRow = (await shown(port)) === name ? inRow + 1 : 0
}

const logged = async (text: string | RegExp): Promise<void> => {
  while (!(typeof text === 'string' ? proxy.log.includes(text) : text.test(proxy.log))) await shown(plainPort)
}

test('files written in place, one after the other', async () => {
  assert.equal(await shown(plainPort), 'one')
  copyPair(of('two'), plain)
  await untilShown(plainPort, 'two')
})

test('files renamed over the old ones', async () => {
  copyPair(of('three'), { cert: `${plain.cert}.new`, key: `${plain.key}.new` })
  renameSync(`${plain.cert}.new`, plain.cert)
  renameSync(`${plain.key}.new`, plain.key)
  await untilShown(plainPort, 'three')
})

test('a link above the files, swapped', async () => {
  assert.equal(await shown(linkedPort), 'one')
  swapMount('two')
  await untilShown(linkedPort, 'two')
  swapMount('three')
  await untilShown(linkedPort, 'three')
})

test('a certificate without its key, or half of one, is not used: the last good pair stays and it is said', async () => {
  copyFileSync(of('four').cert, plain.cert)
  await logged(/not used.*is not the key of the certificate/)
  assert.equal(await shown(plainPort), 'three')
  const { certificates: listed } = (await (await proxy.admin('/certs')).json()) as {
    certificates: { problems?: string[]; cert_chain: { path: string }[] }[]
  }
  const entry = listed.find(({ cert_chain }) => cert_chain[0]?.path === plain.cert)
  assert.deepEqual(entry?.problems, ['private_key: is not the key of the certificate'])
  const half = readFileSync(of('four').cert)
  writeFileSync(plain.cert, half.subarray(0, half.length / 2))
  await logged(/not used.*is no certificate in PEM form/)
  assert.equal(await shown(plainPort), 'three')
  copyPair(of('four'), plain)
  await untilShown(plainPort, 'four')
})

test('a file of secrets, and the files that it names', async () => {
  assert.equal(await shown(secretPort), 'one')
  writeFileSync(`${secretFile}.new`, secretText(of('five')))
  renameSync(`${secretFile}.new`, secretFile)
  await untilShown(secretPort, 'five')
  const stats = await proxy.stats('sds.served')
  assert.equal(stats.get('sds.served.update_success'), 2)
  copyPair(of('six'), of('five'))
  await untilShown(secretPort, 'six')
  writeFileSync(secretFile, '{ "resources": [')
  while ((await proxy.stats('sds.served')).get('sds.served.update_failure') !== 1) await shown(secretPort)
  assert.equal(await shown(secretPort), 'six')
  const updates = `listener.127.0.0.1_${secretPort}.server_ssl_socket_factory.ssl_context_update_by_sds`
  assert.equal((await proxy.stats('update_by_sds')).get(updates), 3)
  // A pair that does not match, named by the secrets.
  writeFileSync(secretFile, secretText(of('three')))
  await untilShown(secretPort, 'three')
  copyFileSync(of('four').cert, of('three').cert)
  await proxy.untilStat('sds.served.key_rotation_failed', 1)
  assert.equal(await shown(secretPort), 'three')
})

test('authorities that are trusted', async () => {
  assert.equal(await get(trustPort, identity(client)), 'ok')
  assert.notEqual(await get(trustPort, identity(strangersClient)), 'ok')
  copyFileSync(stranger.ca, trustFile)
  for (let inRow = 0; inRow < 8; ) inRow = (await get(trustPort, identity(strangersClient))) === 'ok' ? inRow + 1 : 0
  assert.notEqual(await get(trustPort, identity(client)), 'ok')
})

test('connections that are open are left alone', async () => {
  // Made before the rotations of this test, used behind them.
  const connection = tls.connect({ port: plainPort, host: '127.0.0.1', rejectUnauthorized: false })
  const kept = RawClient.over(connection)
  kept.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await kept.until(received => received.endsWith('ok'))
  const before = await shown(plainPort)
  copyPair(of(before === 'one' ? 'two' : 'one'), plain)
  await untilShown(plainPort, before === 'one' ? 'two' : 'one')
  kept.send('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await kept.until(received => received.match(/ok/g)?.length === 2)
  connection.destroy()
})
