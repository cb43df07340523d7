// Whose certificate is taken and whose is not, of clients and of origins.
import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  bootstrap,
  type CertificateFiles,
  freePorts,
  httpListener,
  ProxyProcess,
  staticCluster,
  TestAuthority,
} from '../../harness/index.ts'
import {
  downstreamTls,
  get,
  identity,
  LoggedLines,
  logged,
  pair,
  promptLogs,
  securedListener,
  upstreamTls,
} from './kit.ts'

const authority = new TestAuthority()
const stranger = new TestAuthority('Other CA')
after(() => {
  authority[Symbol.dispose]()
  stranger[Symbol.dispose]()
})
const middle = authority.issue('middle', { extensions: 'basicConstraints=critical,CA:TRUE' })
const strangeMiddle = stranger.issue('middle', { extensions: 'basicConstraints=critical,CA:TRUE' })
const workload = (uri: string, usage: string): object => ({
  sans: `URI:${uri},DNS:x.test`,
  extensions: `keyUsage=critical,${usage}`,
})
/** A DNS name with any bytes, as a subjectAltName in DER. */
const derName = (name: string): string =>
  `DER:${Buffer.from([0x30, name.length + 2, 0x82, name.length, ...Buffer.from(name)]).toString('hex')}`
const peers = {
  good: authority.issue('good', { sans: 'URI:spiffe://mesh/good,DNS:*.good.test,IP:10.0.0.7,email:a@good.test' }),
  other: authority.issue('other', { sans: 'URI:spiffe://mesh/other,DNS:other.test' }),
  foreign: authority.issue('foreign', { sans: 'URI:spiffe://elsewhere/good' }),
  nameless: authority.issue('nameless', { sans: 'DNS:x.test' }),
  nul: authority.issue('nul', { sans: derName('a.good.test\0.evil.test') }),
  expired: authority.issue('expired', { days: -1, sans: 'URI:spiffe://mesh/good' }),
  stranger: stranger.issue('stranger', { sans: 'URI:spiffe://mesh/good' }),
  revoked: authority.issue('revoked', { sans: 'URI:spiffe://mesh/good' }),
  deep: authority.issue('deep', { issuer: middle, sans: 'URI:spiffe://mesh/good' }),
  deepStranger: stranger.issue('deepStranger', { issuer: strangeMiddle, sans: 'URI:spiffe://mesh/good' }),
  workload: authority.issue('workload', workload('spiffe://mesh/good', 'digitalSignature')),
  foreignWorkload: authority.issue('workload', workload('spiffe://elsewhere/good', 'digitalSignature')),
  strangeWorkload: stranger.issue('workload', workload('spiffe://mesh/good', 'digitalSignature')),
  signer: authority.issue('signer', workload('spiffe://mesh/good', 'digitalSignature,keyCertSign')),
} satisfies Record<string, CertificateFiles>
writeFileSync(peers.deepStranger.cert, stranger.read(peers.deepStranger.cert) + stranger.read(strangeMiddle.cert))
writeFileSync(peers.deep.cert, authority.read(peers.deep.cert) + authority.read(middle.cert))
type Peer = keyof typeof peers

const certificate = (peer: Peer): X509Certificate => new X509Certificate(authority.read(peers[peer].cert))
const hash = certificate('good').fingerprint256
const spki = createHash('sha256')
  .update(certificate('good').publicKey.export({ type: 'spki', format: 'der' }))
  .digest('base64')
const revocations = revoke(peers.revoked)

const both = join(authority.folder, 'both.pem')
writeFileSync(both, authority.read(authority.ca) + stranger.read(stranger.ca))

function revoke({ cert }: CertificateFiles): string {
  const file = (name: string): string => join(authority.folder, name)
  const lines = ['[ca]', 'default_ca=this', '[this]', `database=${file('index.txt')}`, 'default_md=sha256']
  writeFileSync(file('index.txt'), '')
  writeFileSync(file('ca.cnf'), [...lines, 'default_crl_days=30', 'crlnumber=crlnumber'].join('\n'))
  writeFileSync(file('crlnumber'), '01\n')
  const ca = ['ca', '-config', 'ca.cnf', '-keyfile', authority.caKey, '-cert', authority.ca]
  authority.openssl(...ca, '-revoke', cert)
  authority.openssl(...ca, '-gencrl', '-out', 'revoked.pem')
  return file('revoked.pem')
}

const trusted = { trusted_ca: { filename: authority.ca } }
const uri = (matcher: object): object => ({ match_typed_subject_alt_names: [{ san_type: 'URI', matcher }] })
const san = (san_type: string, matcher: object): object => ({
  ...trusted,
  match_typed_subject_alt_names: [{ san_type, matcher }],
})
const spiffe = (name: string): object => ({
  custom_validator_config: {
    name: 'envoy.tls.cert_validator.spiffe',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
      trust_domains: [
        { name, trust_bundle: { filename: authority.ca } },
        { name: 'elsewhere', trust_bundle: { filename: stranger.ca } },
      ],
    },
  },
})

const chain = (text: string, depth = 0): string =>
  `verify cert failed: X509_verify_cert: certificate verification error at depth ${depth}: ${text}`
const SAN_FAILURE = 'verify cert failed: SAN matcher'
const PIN_FAILURE = 'verify cert failed: cert hash and spki'

type Outcome = readonly [stat: string, words: string]
const error = (words: string): Outcome => ['fail_verify_error', words]
const wrongSan: Outcome = ['fail_verify_san', SAN_FAILURE]
const wrongPin: Outcome = ['fail_verify_cert_hash', PIN_FAILURE]

interface Case {
  readonly name: string
  readonly validation: object
  /** Null: taken. */
  readonly peers: Readonly<Partial<Record<Peer, Outcome | null>>>
}

const cases: readonly Case[] = [
  {
    name: 'an authority',
    validation: trusted,
    peers: {
      good: null,
      other: null,
      deep: null,
      expired: error(chain('certificate has expired')),
      stranger: error(chain('unable to get local issuer certificate')),
      deepStranger: error(chain('unable to get local issuer certificate', 1)),
    },
  },
  {
    name: 'an intermediate without its root',
    validation: { trusted_ca: { filename: middle.cert } },
    peers: { deep: null, good: error(chain('unable to get local issuer certificate')) },
  },
  {
    name: 'URI exact',
    validation: { ...trusted, ...uri({ exact: 'spiffe://mesh/good' }) },
    peers: { good: null, other: wrongSan },
  },
  {
    name: 'URI prefix',
    validation: { ...trusted, ...uri({ prefix: 'spiffe://mesh/' }) },
    peers: {
      other: null,
      foreign: wrongSan,
      nameless: wrongSan,
      stranger: error(chain('unable to get local issuer certificate')),
    },
  },
  {
    name: 'URI regex',
    validation: { ...trusted, ...uri({ safe_regex: { regex: 'spiffe://[a-z]+/good' } }) },
    peers: { foreign: null, other: wrongSan },
  },
  {
    name: 'DNS exact, covered by a wildcard',
    validation: san('DNS', { exact: 'A.good.test' }),
    // A name does not end at its NUL.
    peers: { good: null, other: wrongSan, nul: wrongSan },
  },
  {
    name: 'DNS exact, two labels below a wildcard',
    validation: san('DNS', { exact: 'a.b.good.test' }),
    peers: { good: wrongSan },
  },
  {
    name: 'DNS suffix, of the text as it stands',
    validation: san('DNS', { suffix: '.good.test' }),
    peers: { good: null, other: wrongSan, nul: wrongSan },
  },
  { name: 'IP', validation: san('IP_ADDRESS', { exact: '10.0.0.7' }), peers: { good: null, other: wrongSan } },
  { name: 'EMAIL', validation: san('EMAIL', { suffix: '@good.test' }), peers: { good: null, other: wrongSan } },
  {
    name: 'names of any kind',
    validation: { ...trusted, match_subject_alt_names: [{ exact: 'spiffe://mesh/good' }, { exact: 'other.test' }] },
    peers: { good: null, other: null, nameless: wrongSan },
  },
  {
    name: 'a certificate by its hash',
    validation: { ...trusted, verify_certificate_hash: [hash] },
    peers: { good: null, other: wrongPin },
  },
  {
    name: 'a certificate by its hash without colons',
    validation: { ...trusted, verify_certificate_hash: [hash.replaceAll(':', '').toLowerCase()] },
    peers: { good: null, other: wrongPin },
  },
  {
    name: 'a key',
    validation: { ...trusted, verify_certificate_spki: [spki] },
    peers: { good: null, other: wrongPin },
  },
  {
    name: 'a revocation list',
    validation: { ...trusted, crl: { filename: revocations } },
    peers: {
      good: null,
      revoked: error(chain('certificate revocation check against provided CRLs failed: certificate revoked')),
    },
  },
  {
    name: 'a revocation list that says nothing about the authority',
    validation: { trusted_ca: { filename: both }, crl: { filename: revocations } },
    peers: {
      good: null,
      stranger: error(
        chain('certificate revocation check against provided CRLs failed: unable to get certificate CRL'),
      ),
    },
  },
  {
    name: 'a depth that counts the root',
    validation: { ...trusted, max_verify_depth: 1 },
    peers: { good: null, deep: error(chain('unable to get local issuer certificate', 1)) },
  },
  {
    name: 'a depth that is enough',
    validation: { ...trusted, max_verify_depth: 2 },
    peers: { good: null, deep: null },
  },
  {
    name: 'anybody, for ACCEPT_UNTRUSTED',
    validation: { ...trusted, ...uri({ exact: 'spiffe://mesh/good' }), trust_chain_verification: 'ACCEPT_UNTRUSTED' },
    peers: { good: null, other: null, stranger: null, expired: null },
  },
  {
    name: 'a SPIFFE trust domain',
    validation: { ...spiffe('mesh'), trust_chain_verification: 'ACCEPT_UNTRUSTED' },
    peers: {
      workload: null,
      // Signed by the authority of the other domain.
      foreignWorkload: error(chain('unable to get local issuer certificate')),
      strangeWorkload: error(chain('unable to get local issuer certificate')),
      signer: error('verify cert failed: cert precheck'),
      good: error('verify cert failed: cert precheck'),
    },
  },
  {
    name: 'another SPIFFE trust domain',
    validation: spiffe('else'),
    peers: { workload: error('verify cert failed: no trust bundle store') },
  },
]

const origins = authority.issue('origin.test')
let proxy: ProxyProcess
let noCertificates = 0
const ports = new Map<Case, number>()
/** Of the listeners that go on to an origin with that certificate and check it. */
const routes = new Map<Case, number>()
const path = (peer: string): string => `/${peer}`
before(async () => {
  const peerNames = Object.keys(peers) as Peer[]
  const free = [...(await freePorts(cases.length * 2 + peerNames.length + 1))]
  noCertificates = free.pop()!
  const originPorts = new Map(peerNames.map(peer => [peer, free.pop()!]))
  const listeners: object[] = []
  const clusters: object[] = []
  for (const peer of peerNames) {
    const shown = downstreamTls({ common_tls_context: { tls_certificates: [pair(peers[peer])] } })
    listeners.push(securedListener({ port: originPorts.get(peer)!, tls: shown }))
  }
  cases.forEach((one, i) => {
    const [port, via] = [free.pop()!, free.pop()!]
    ports.set(one, port)
    routes.set(one, via)
    const common = { tls_certificates: [pair(origins)], validation_context: one.validation }
    const context = downstreamTls({ require_client_certificate: true, common_tls_context: common })
    listeners.push(securedListener({ port, tls: context, extra: { access_log: [logged(`${port}`)] } }))
    const tested = Object.keys(one.peers) as Peer[]
    for (const peer of tested) {
      const socket = upstreamTls({
        common_tls_context: {
          tls_params: { tls_maximum_protocol_version: 'TLSv1_3' },
          validation_context: one.validation,
        },
      })
      clusters.push(staticCluster(`${peer}-${i}`, originPorts.get(peer)!, { transport_socket: socket }))
    }
    const entries = tested.map(peer => ({ match: { path: path(peer) }, route: { cluster: `${peer}-${i}` } }))
    const why = logged(String(via), '%UPSTREAM_TRANSPORT_FAILURE_REASON%')
    listeners.push(httpListener({ port: via, routes: entries, hcm: { access_log: [why] } }))
  })
  const plain = downstreamTls({
    common_tls_context: { tls_certificates: [pair(origins)], validation_context: trusted },
  })
  listeners.push(securedListener({ port: noCertificates, tls: plain }))
  proxy = await ProxyProcess.start(bootstrap(listeners, clusters), { args: promptLogs })
})
after(() => proxy[Symbol.asyncDispose]())

const logs = new Map<number, LoggedLines>()
function linesOf(port: number): LoggedLines {
  const lines = logs.get(port) ?? new LoggedLines(proxy, String(port))
  logs.set(port, lines)
  return lines
}

for (const one of cases) {
  describe(one.name, () => {
    for (const [peer, outcome] of Object.entries(one.peers)) {
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        test(`a client: ${peer}, ${version}`, async () => {
          const port = ports.get(one)!
          const scope = `listener.127.0.0.1_${port}.ssl`
          const before = await proxy.stats(scope)
          const lines = linesOf(ports.get(one)!)
          const only = { minVersion: version, maxVersion: version }
          const body = await get(port, { ...identity(peers[peer as Peer]), ...only })
          const reason = await lines.next()
          if (outcome === null) return assert.deepEqual([body, reason], ['ok', '-'])
          assert.notEqual(body, 'ok')
          const [stat, words] = outcome
          assert.ok(reason.includes(words.replaceAll(' ', '_')), reason)
          await proxy.untilStat(`${scope}.${stat}`, (before.get(`${scope}.${stat}`) ?? 0) + 1)
        })
      }
      test(`an origin: ${peer}`, async () => {
        const response = await fetch(`http://127.0.0.1:${routes.get(one)!}${path(peer)}`)
        const body = await response.text()
        const reason = await linesOf(routes.get(one)!).next()
        if (outcome === null) return assert.deepEqual([body, reason], ['ok', '-'])
        const [stat, words] = outcome
        assert.equal(response.status, 503)
        assert.ok(reason.includes(words.replaceAll(' ', '_')), reason)
        const name = `cluster.${peer}-${cases.indexOf(one)}.ssl.${stat}`
        const counted = (await proxy.stats(name)).get(name) ?? 0
        // The request may have been tried again: a failed handshake is a failed connection.
        assert.ok(counted >= 1, `${name}: ${counted}`)
      })
    }
    test('a client without a certificate', async () => {
      const port = ports.get(one)!
      assert.notEqual(await get(port), 'ok')
      assert.match(await linesOf(ports.get(one)!).next(), /PEER_DID_NOT_RETURN_A_CERTIFICATE/)
      await proxy.untilStat(`listener.127.0.0.1_${port}.ssl.fail_verify_no_cert`, 1)
    })
  })
}

test('a certificate that is not required is checked where it is shown', async () => {
  assert.equal(await get(noCertificates), 'ok')
  assert.equal(await get(noCertificates, identity(peers.good)), 'ok')
  assert.notEqual(await get(noCertificates, identity(peers.stranger)), 'ok')
  await proxy.untilStat(`listener.127.0.0.1_${noCertificates}.ssl.no_certificate`, 1)
})

test('whom a check has turned away is not let in by a session that came before it', async () => {
  const port = ports.get(cases[0]!)!
  const sessions: Buffer[] = []
  const options = { ...identity(peers.stranger), maxVersion: 'TLSv1.2' as const }
  for (let i = 0; i < 3; i++) {
    const session = sessions.at(-1)
    const body = await get(port, { ...options, ...(session && { session }) }, socket => {
      socket.on('session', session => sessions.push(session))
    })
    assert.notEqual(body, 'ok')
  }
})
