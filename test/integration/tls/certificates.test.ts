// Which certificate a server shows, with which OCSP response, and what protocol it agrees on.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import http2 from 'node:http2'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import tls from 'node:tls'
import { bootstrap, freePorts, ProxyProcess, TestAuthority } from '../../harness/index.ts'
import { downstreamTls, get, pair, securedListener, shown } from './kit.ts'

const authority = new TestAuthority()
after(() => authority[Symbol.dispose]())
const issue = (name: string, rsa: boolean, sans: string) => authority.issue(name, { rsa, sans })
const certificates = {
  first: issue('first', true, 'DNS:first.test'),
  wild: issue('wild', false, 'DNS:*.wild.test'),
  exact: issue('exact', false, 'DNS:a.wild.test'),
  bothRsa: issue('both-rsa', true, 'DNS:both.test'),
  bothEcdsa: issue('both-ecdsa', false, 'DNS:both.test'),
}
const unnamed = authority.issue('by-common-name', { subject: '/CN=named.test', sans: null })
const onlyEmail = authority.issue('unused', { subject: '/CN=unused.test', sans: 'email:a@b.test' })
const stapled = authority.issue('stapled')
const soonOver = authority.issue('stapled-once')
const mustStaple = authority.issue('must-staple', { extensions: 'tlsfeature=status_request' })

/** A response of the authority about a certificate, of today or of long ago. */
function ocspResponse(cert: string, outdated: boolean): string {
  const file = (name: string): string => join(authority.folder, name)
  const serial = authority.openssl('x509', '-in', cert, '-noout', '-serial').trim().slice('serial='.length)
  const expires = '301231235959Z'
  writeFileSync(file('ocsp-index.txt'), `V\t${expires}\t\t${serial}\tunknown\t/CN=any\n`)
  authority.openssl('ocsp', '-issuer', authority.ca, '-cert', cert, '-no_nonce', '-reqout', file('request.der'))
  const signer = ['-CA', authority.ca, '-rsigner', authority.ca, '-rkey', authority.caKey]
  const out = `${cert}.ocsp`
  const files = ['-index', file('ocsp-index.txt'), '-reqin', file('request.der'), '-respout', out]
  authority.openssl('ocsp', ...files, ...signer, '-ndays', '5')
  if (outdated) {
    // Its signature is the business of clients.
    const text = readFileSync(out, 'latin1').replace(/\d{4}(?=\d{10}Z)/g, '2020')
    writeFileSync(out, text, 'latin1')
  }
  return out
}

const staple = (files: typeof stapled, outdated: boolean): object => ({
  ...pair(files),
  ocsp_staple: { filename: ocspResponse(files.cert, outdated) },
})

const all = Object.values(certificates).map(pair)
const contexts = {
  several: { common_tls_context: { tls_certificates: [...all, pair(unnamed), pair(onlyEmail)] } },
  scanning: { common_tls_context: { tls_certificates: all }, full_scan_certs_on_sni_mismatch: true },
  alpn: { common_tls_context: { tls_certificates: [pair(certificates.first)], alpn_protocols: ['h2', 'http/1.1'] } },
  lenient: { common_tls_context: { tls_certificates: [staple(stapled, false)] } },
  outdated: { common_tls_context: { tls_certificates: [staple(soonOver, true)] } },
  strict: { common_tls_context: { tls_certificates: [staple(soonOver, true)] }, ocsp_staple_policy: 'STRICT_STAPLING' },
  must: { common_tls_context: { tls_certificates: [staple(soonOver, true)] }, ocsp_staple_policy: 'MUST_STAPLE' },
  feature: { common_tls_context: { tls_certificates: [staple(mustStaple, false)] } },
  old: {
    common_tls_context: {
      tls_certificates: [pair(certificates.first)],
      tls_params: {
        tls_maximum_protocol_version: 'TLSv1_2',
        cipher_suites: ['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES128-GCM-SHA256'],
        ecdh_curves: ['P-384'],
      },
    },
  },
  old12: {
    common_tls_context: { tls_certificates: all, tls_params: { tls_maximum_protocol_version: 'TLSv1_2' } },
  },
  clientsChoice: {
    common_tls_context: { tls_certificates: [pair(certificates.first)] },
    prefer_client_ciphers: true,
  },
  only13: {
    common_tls_context: {
      tls_certificates: [pair(certificates.first)],
      tls_params: { tls_minimum_protocol_version: 'TLSv1_3' },
    },
  },
} satisfies Record<string, object>
type Kind = keyof typeof contexts

let proxy: ProxyProcess
const ports = new Map<Kind, number>()
before(async () => {
  const kinds = Object.keys(contexts) as Kind[]
  const free = await freePorts(kinds.length)
  const listeners = kinds.map((kind, i) => {
    ports.set(kind, free[i]!)
    return securedListener({ port: free[i]!, tls: downstreamTls(contexts[kind]) })
  })
  proxy = await ProxyProcess.start(bootstrap(listeners, []))
})
after(() => proxy[Symbol.asyncDispose]())

const rsaOnly = { sigalgs: 'rsa_pss_rsae_sha256:RSA+SHA256' }
const choices: readonly (readonly [kind: Kind, name: string | null, tls.ConnectionOptions, expected: string])[] = [
  ['several', 'first.test', {}, 'first'],
  ['several', 'FIRST.test', {}, 'first'],
  ['several', 'a.wild.test', {}, 'exact'],
  ['several', 'b.wild.test', {}, 'wild'],
  ['several', 'c.b.wild.test', {}, 'first'],
  ['several', 'both.test', {}, 'both-ecdsa'],
  ['several', 'both.test', rsaOnly, 'both-rsa'],
  ['several', 'both.test', { ...rsaOnly, maxVersion: 'TLSv1.2' }, 'both-rsa'],
  ['several', 'both.test', { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }, 'both-rsa'],
  ['old12', 'both.test', { ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256' }, 'both-rsa'],
  ['old12', 'both.test', {}, 'both-ecdsa'],
  ['several', 'named.test', {}, 'named.test'],
  ['several', 'unknown.test', {}, 'first'],
  ['several', 'unused.test', {}, 'first'],
  ['several', null, {}, 'wild'],
  ['several', null, rsaOnly, 'first'],
  ['scanning', 'unknown.test', {}, 'wild'],
  ['scanning', 'unknown.test', rsaOnly, 'first'],
]
for (const [kind, servername, options, expected] of choices) {
  test(`${kind}: ${servername ?? 'no name'}${options === rsaOnly ? ', RSA only' : ''} -> ${expected}`, async () => {
    const named = servername === null ? {} : { servername }
    assert.equal(await shown(ports.get(kind)!, { ...options, ...named }), expected)
  })
}

async function protocolFor(offered: readonly string[] | null): Promise<string | false | null> {
  const client = tls.connect({
    port: ports.get('alpn')!,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...(offered !== null && { ALPNProtocols: [...offered] }),
  })
  await once(client, 'secureConnect')
  const { alpnProtocol } = client
  client.destroy()
  return alpnProtocol
}

test('the protocol is the first of the server that the client has too', async () => {
  assert.equal(await protocolFor(['http/1.1', 'h2']), 'h2')
  assert.equal(await protocolFor(['spdy/9', 'http/1.1']), 'http/1.1')
})

test('without a protocol in common, or any asked for, TLS goes on', async () => {
  assert.equal(await protocolFor(['spdy/9']), false)
  assert.equal(await protocolFor(null), false)
})

test('HTTP follows the protocol', async () => {
  const port = ports.get('alpn')!
  assert.equal(await get(port, { ALPNProtocols: ['http/1.1'] }), 'ok')
  assert.equal(await get(port), 'ok')
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
  const stream = session.request({ ':path': '/' })
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
  assert.equal(headers[':status'], 200)
  stream.resume()
  await once(stream, 'end')
  session.close()
})

/** The response that comes stapled: its size, or why there is no connection. */
async function stapleOf(kind: Kind, requestOCSP: boolean): Promise<number | null | string> {
  const client = tls.connect({ port: ports.get(kind)!, host: '127.0.0.1', rejectUnauthorized: false, requestOCSP })
  let size: number | null = null
  client.on('OCSPResponse', (response: Buffer | null) => {
    size = response?.length ?? null
  })
  const failed = once(client, 'error').then(() => 'refused')
  const outcome = await Promise.race([once(client, 'secureConnect').then(() => size), failed])
  client.destroy()
  failed.catch(() => undefined)
  return outcome
}

const ocsp = async (kind: Kind): Promise<readonly number[]> => {
  const scope = `listener.127.0.0.1_${ports.get(kind)!}.ssl.ocsp_staple_`
  const stats = await proxy.stats(scope)
  return ['requests', 'responses', 'omitted', 'failed'].map(name => stats.get(scope + name) ?? 0)
}

test('a response that holds is stapled for who asks', async () => {
  assert.ok(Number(await stapleOf('lenient', true)) > 100)
  assert.equal(await stapleOf('lenient', false), null)
  assert.deepEqual(await ocsp('lenient'), [1, 1, 0, 0])
})

test('one that has expired is left out, stapled, or ends the handshake, by the policy', async () => {
  assert.equal(await stapleOf('outdated', true), null)
  assert.deepEqual(await ocsp('outdated'), [1, 0, 1, 0])
  assert.equal(await stapleOf('strict', true), 'refused')
  assert.deepEqual(await ocsp('strict'), [1, 0, 0, 1])
  assert.equal(await stapleOf('must', true), 'refused')
  assert.deepEqual(await ocsp('must'), [1, 0, 0, 1])
})

test('a certificate that needs its response has it', async () => {
  assert.ok(Number(await stapleOf('feature', true)) > 100)
})

test('versions, ciphers and curves', async () => {
  const client = tls.connect({ port: ports.get('old')!, host: '127.0.0.1', rejectUnauthorized: false })
  await once(client, 'secureConnect')
  assert.equal(client.getProtocol(), 'TLSv1.2')
  assert.equal(client.getCipher().name, 'ECDHE-RSA-AES256-GCM-SHA384')
  assert.equal((client.getEphemeralKeyInfo() as tls.EphemeralKeyInfo).size, 384)
  client.destroy()
  assert.match(await get(ports.get('old')!, { minVersion: 'TLSv1.3' }), /alert protocol version/)
  assert.match(await get(ports.get('old')!, { ecdhCurve: 'P-256' }), /alert handshake failure/)
  assert.match(await get(ports.get('old')!, { ciphers: 'ECDHE-RSA-CHACHA20-POLY1305' }), /alert handshake failure/)
  assert.match(await get(ports.get('only13')!, { maxVersion: 'TLSv1.2' }), /alert protocol version/)
  assert.equal(await get(ports.get('only13')!), 'ok')
})

test('what was agreed on is counted', async () => {
  const scope = `listener.127.0.0.1_${ports.get('only13')!}.ssl`
  const before = await proxy.stats(scope)
  for (const ecdhCurve of ['X25519', 'P-256', 'P-256']) {
    const ciphers = 'TLS_CHACHA20_POLY1305_SHA256'
    assert.equal(await get(ports.get('only13')!, { ecdhCurve, ciphers }), 'ok')
  }
  const after = await proxy.stats(scope)
  const gained = (name: string): number => (after.get(`${scope}.${name}`) ?? 0) - (before.get(`${scope}.${name}`) ?? 0)
  assert.deepEqual(
    ['handshake', 'versions.TLSv1.3', 'ciphers.TLS_CHACHA20_POLY1305_SHA256', 'curves.X25519', 'curves.P-256'].map(
      gained,
    ),
    [3, 3, 3, 1, 2],
  )
})

test('the order of ciphers may be left to the client', async () => {
  const ciphers =
    'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256'
  const chosen = async (kind: Kind, maxVersion: tls.SecureVersion): Promise<string> => {
    const client = tls.connect({
      port: ports.get(kind)!,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ciphers,
      maxVersion,
    })
    await once(client, 'secureConnect')
    const { name } = client.getCipher()
    client.destroy()
    return name
  }
  assert.equal(await chosen('several', 'TLSv1.2'), 'ECDHE-RSA-AES128-GCM-SHA256')
  assert.equal(await chosen('clientsChoice', 'TLSv1.2'), 'ECDHE-RSA-AES256-GCM-SHA384')
  assert.equal(await chosen('clientsChoice', 'TLSv1.3'), 'TLS_AES_256_GCM_SHA384')
})
