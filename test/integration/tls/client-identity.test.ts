// What is known of a client by its certificate: for origins, routes, roles and access logs.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import tls from 'node:tls'
import {
  answering,
  bootstrap,
  type CertificateFiles,
  freePorts,
  ProxyProcess,
  ScriptedOrigin,
  staticCluster,
  TestAuthority,
} from '../../harness/index.ts'
import { answer, downstreamTls, get, identity, LoggedLines, logged, pair, promptLogs, securedListener } from './kit.ts'

const authority = new TestAuthority()
const stranger = new TestAuthority('Other CA')
after(() => {
  authority[Symbol.dispose]()
  stranger[Symbol.dispose]()
})
const server = authority.issue('server.test', { sans: 'URI:spiffe://mesh/server,DNS:server.test' })
const client = authority.issue('client', {
  subject: '/C=US/ST=California/O=Lyft, Inc/OU=a "b" = c/CN=client',
  sans: 'URI:spiffe://mesh/one,URI:spiffe://mesh/two,DNS:one.test,DNS:two.test,IP:10.0.0.1,IP:fd00::1',
})
const plain = authority.issue('plain', { sans: null })
const foreign = stranger.issue('foreign', { sans: 'URI:spiffe://mesh/foreign' })
const x509 = ({ cert }: CertificateFiles): X509Certificate => new X509Certificate(authority.read(cert))
const hash = (files: CertificateFiles): string => x509(files).fingerprint256.replaceAll(':', '').toLowerCase()
const encoded = ({ cert }: CertificateFiles): string =>
  authority.read(cert).replace(/[\n +/=]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
const seconds = (date: string): number => Math.trunc(Date.parse(date) / 1000)

const validation = { trusted_ca: { filename: authority.ca } }
const context = (more: object): object =>
  downstreamTls({ common_tls_context: { tls_certificates: [pair(server)], validation_context: validation, ...more } })
const checked = context({})
const untrusted = context({ validation_context: { ...validation, trust_chain_verification: 'ACCEPT_UNTRUSTED' } })

const modes = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'] as const
const everything = { subject: true, cert: true, chain: true, dns: true, uri: true }

const format = [
  '%DOWNSTREAM_TLS_VERSION%',
  '%DOWNSTREAM_TLS_CIPHER%',
  '%REQUESTED_SERVER_NAME%',
  '%DOWNSTREAM_PEER_SUBJECT%',
  '%DOWNSTREAM_PEER_ISSUER%',
  '%DOWNSTREAM_PEER_SERIAL%',
  '%DOWNSTREAM_PEER_FINGERPRINT_256%',
  '%DOWNSTREAM_PEER_URI_SAN%',
  '%DOWNSTREAM_PEER_DNS_SAN%',
  '%DOWNSTREAM_PEER_IP_SAN%',
  '%DOWNSTREAM_PEER_CERT_V_START(%s)%',
  '%DOWNSTREAM_PEER_CERT_V_END(%s)%',
  '%DOWNSTREAM_LOCAL_SUBJECT%',
  '%DOWNSTREAM_LOCAL_URI_SAN%',
  '%DOWNSTREAM_LOCAL_DNS_SAN%',
].join(' ; ')

const rbac = {
  name: 'envoy.filters.network.rbac',
  typed_config: {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC',
    stat_prefix: 'tls',
    rules: {
      policies: {
        named: {
          permissions: [{ any: true }],
          principals: [{ authenticated: { principal_name: { exact: 'spiffe://mesh/two' } } }],
        },
      },
    },
  },
}

let proxy: ProxyProcess
let origin: ScriptedOrigin
const ports = new Map<string, number>()
before(async () => {
  origin = await ScriptedOrigin.start(answering('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  const names = [
    ...modes,
    'JSON',
    'everything',
    'nothing',
    'plain',
    'routes',
    'untrustedRoutes',
    'rbac',
    'log',
    'redirect',
  ]
  const free = await freePorts(names.length)
  for (const [i, name] of names.entries()) ports.set(name, free[i]!)
  const port = (name: string): number => ports.get(name)!
  const toOrigin = [{ match: { prefix: '/' }, route: { cluster: 'origin' } }]
  const forwarding = (name: string, hcm: object, tls = checked): object =>
    securedListener({ port: port(name), tls, routes: toOrigin, hcm })
  const matched = [
    { match: { prefix: '/', tls_context: { presented: true, validated: true } }, ...answerOf('validated') },
    { match: { prefix: '/', tls_context: { presented: true } }, ...answerOf('presented') },
    { match: { prefix: '/' }, ...answerOf('nobody') },
  ]
  const redirect = {
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], require_tls: 'ALL', routes: [answer('secure')] }],
    },
  }
  const listeners = [
    ...modes.map(mode =>
      forwarding(mode, {
        forward_client_cert_details: mode,
        set_current_client_cert_details: { subject: true, dns: true, uri: true },
      }),
    ),
    forwarding('JSON', {
      forward_client_cert_details: 'SANITIZE_SET',
      set_current_client_cert_details: { subject: true, dns: true, uri: true, format: 'JSON' },
    }),
    forwarding('everything', {
      forward_client_cert_details: 'SANITIZE_SET',
      set_current_client_cert_details: everything,
    }),
    forwarding('nothing', { forward_client_cert_details: 'SANITIZE_SET' }),
    forwarding('plain', { forward_client_cert_details: 'APPEND_FORWARD' }, rawBuffer),
    securedListener({ port: port('routes'), tls: checked, routes: matched }),
    securedListener({ port: port('untrustedRoutes'), tls: untrusted, routes: matched }),
    withFilter(securedListener({ port: port('rbac'), tls: checked }), rbac),
    securedListener({ port: port('log'), tls: checked, hcm: { access_log: [logged('log', format)] } }),
    securedListener({ port: port('redirect'), tls: checked, hcm: redirect }),
  ]
  proxy = await ProxyProcess.start(bootstrap(listeners, [staticCluster('origin', origin.port)]), { args: promptLogs })
})
after(async () => {
  await proxy[Symbol.asyncDispose]()
  await origin.close()
})

const rawBuffer = {
  name: 'envoy.transport_sockets.raw_buffer',
  typed_config: { '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer' },
}

function answerOf(text: string): object {
  return { direct_response: { status: 200, body: { inline_string: text } } }
}

function withFilter(listener: object, filter: object): object {
  const { filter_chains: chains } = listener as { filter_chains: { filters: object[] }[] }
  return { ...listener, filter_chains: chains.map(chain => ({ ...chain, filters: [filter, ...chain.filters] })) }
}

const THEIRS = 'By=spiffe://before;Hash=1234'

/** What reaches the origin as x-forwarded-client-cert. */
async function forwarded(
  listener: string,
  who: CertificateFiles | null,
  theirs: string | null = null,
): Promise<string | undefined> {
  origin.reset()
  const header = theirs === null ? '' : `x-forwarded-client-cert: ${theirs}\r\n`
  const options = { port: ports.get(listener)!, host: '127.0.0.1', rejectUnauthorized: false }
  const socket = tls.connect({ ...options, ...(who !== null && identity(who)) })
  await new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.write(`GET / HTTP/1.1\r\nhost: a\r\n${header}connection: close\r\n\r\n`)
    socket.on('data', () => resolve())
  })
  socket.destroy()
  const [request] = origin.requests
  return request!.headers.find(([name]) => name.toLowerCase() === 'x-forwarded-client-cert')?.[1]
}

/** RFC 2253 has escaped it; the header takes that as it is. */
const SUBJECT = 'CN=client,OU=a \\"b\\" = c,O=Lyft\\, Inc,ST=California,C=US'
const element = [
  'By=spiffe://mesh/server',
  `Hash=${hash(client)}`,
  `Subject="${SUBJECT}"`,
  'URI=spiffe://mesh/one',
  'URI=spiffe://mesh/two',
  'DNS=one.test',
  'DNS=two.test',
].join(';')

describe('x-forwarded-client-cert', () => {
  const expected: Record<(typeof modes)[number], readonly [fresh: string | undefined, after: string | undefined]> = {
    SANITIZE: [undefined, undefined],
    FORWARD_ONLY: [undefined, THEIRS],
    APPEND_FORWARD: [element, `${THEIRS},${element}`],
    SANITIZE_SET: [element, element],
    ALWAYS_FORWARD_ONLY: [undefined, THEIRS],
  }
  for (const mode of modes) {
    test(mode, async () => {
      assert.deepEqual([await forwarded(mode, client), await forwarded(mode, client, THEIRS)], expected[mode])
    })
    test(`${mode}, from a client without a certificate`, async () => {
      const theirs = mode === 'ALWAYS_FORWARD_ONLY' ? THEIRS : undefined
      assert.deepEqual([await forwarded(mode, null), await forwarded(mode, null, THEIRS)], [undefined, theirs])
    })
  }

  test('a certificate without names', async () => {
    assert.equal(
      await forwarded('SANITIZE_SET', plain),
      `By=spiffe://mesh/server;Hash=${hash(plain)};Subject="CN=plain";URI=`,
    )
  })

  test('every detail', async () => {
    const pem = encoded(client)
    const details = [
      ...element.split(';').slice(0, 2),
      `Cert="${pem}"`,
      `Chain="${pem}"`,
      ...element.split(';').slice(2),
    ]
    assert.equal(await forwarded('everything', client), details.join(';'))
  })

  test('no details', async () => {
    assert.equal(await forwarded('nothing', client), `By=spiffe://mesh/server;Hash=${hash(client)}`)
  })

  test('as JSON', async () => {
    const [value] = JSON.parse((await forwarded('JSON', client))!) as object[]
    assert.deepEqual(value, {
      by: ['spiffe://mesh/server'],
      hash: hash(client),
      subject: SUBJECT,
      uri: ['spiffe://mesh/one', 'spiffe://mesh/two'],
      dns: ['one.test', 'two.test'],
    })
  })

  test('nothing of it is believed from who speaks without TLS', async () => {
    origin.reset()
    await fetch(`http://127.0.0.1:${ports.get('plain')!}/`, { headers: { 'x-forwarded-client-cert': THEIRS } })
    const [request] = origin.requests
    assert.ok(!request!.headers.some(([name]) => name.toLowerCase() === 'x-forwarded-client-cert'))
    assert.equal(request!.headers.find(([name]) => name.toLowerCase() === 'x-forwarded-proto')?.[1], 'http')
  })

  test('the scheme is https', async () => {
    await forwarded('SANITIZE', client)
    assert.equal(origin.requests[0]!.headers.find(([name]) => name.toLowerCase() === 'x-forwarded-proto')?.[1], 'https')
  })
})

test('routes by the certificate', async () => {
  const port = ports.get('routes')!
  assert.equal(await get(port, identity(client)), 'validated')
  assert.equal(await get(port), 'nobody')
  assert.equal(await get(ports.get('untrustedRoutes')!, identity(foreign)), 'presented')
})

test('roles by the certificate', async () => {
  const port = ports.get('rbac')!
  assert.equal(await get(port, identity(client)), 'ok')
  assert.notEqual(await get(port, identity(plain)), 'ok')
  assert.notEqual(await get(port), 'ok')
  await proxy.untilStat('tls.rbac.denied', 2)
})

test('who requires TLS has it', async () => {
  assert.equal(await get(ports.get('redirect')!, identity(client)), 'secure')
})

test('access logs', async () => {
  const lines = new LoggedLines(proxy, 'log')
  const only = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const
  assert.equal(await get(ports.get('log')!, { ...identity(client), ...only, servername: 'server.test' }), 'ok')
  const { validFrom, validTo, serialNumber } = x509(client)
  assert.deepEqual((await lines.next()).split(' ; '), [
    'TLSv1.2',
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    // Only the inspector knows it.
    '-',
    SUBJECT,
    'CN=Test CA',
    serialNumber.toLowerCase(),
    hash(client),
    'spiffe://mesh/one,spiffe://mesh/two',
    'one.test,two.test',
    '10.0.0.1,fd00::1',
    String(seconds(validFrom)),
    String(seconds(validTo)),
    'CN=server.test',
    'spiffe://mesh/server',
    'server.test',
  ])
  assert.equal(await get(ports.get('log')!, { ...only, ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384' }), 'ok')
  const without = (await lines.next()).split(' ; ')
  assert.deepEqual(without.slice(0, 6), ['TLSv1.2', 'ECDHE-ECDSA-AES256-GCM-SHA384', '-', '-', '-', '-'])
})
