// Configurations of TLS that are turned down, each with the place and the reason.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { bootstrap, LAUNCHER, staticCluster, TestAuthority } from '../../harness/index.ts'
import { downstreamTls, pair, securedListener, upstreamTls } from './kit.ts'

const authority = new TestAuthority()
after(() => authority[Symbol.dispose]())
const good = authority.issue('good')
const other = authority.issue('other')
const mustStaple = authority.issue('must-staple', { extensions: 'tlsfeature=status_request' })
const file = (name: string, content: string): { filename: string } => {
  const path = join(authority.folder, name)
  writeFileSync(path, content)
  return { filename: path }
}
const pem = authority.read(good.cert)
const half = pem.slice(0, pem.length / 2)
const trusted = { trusted_ca: { filename: authority.ca } }
const certificates = [pair(good)]

const own = (common: object, more: object = {}): object => downstreamTls({ common_tls_context: common, ...more })
const checking = (validation_context: object): object => own({ tls_certificates: certificates, validation_context })
const grpc = { api_config_source: { api_type: 'GRPC', transport_api_version: 'V3', grpc_services: [] } }
const spiffe = (config: object): object =>
  checking({
    custom_validator_config: {
      name: 'envoy.tls.cert_validator.spiffe',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig',
        ...config,
      },
    },
  })

const refused: readonly (readonly [name: string, socket: object, expected: RegExp])[] = [
  ['no certificate', own({}), /tls_certificates: a TLS server needs a certificate/],
  [
    'a key that belongs to another certificate',
    own({ tls_certificates: [{ ...pair(good), private_key: { filename: other.key } }] }),
    /tls_certificates\[0\]\.private_key: is not the key of the certificate/,
  ],
  [
    'half a certificate',
    own({ tls_certificates: [{ ...pair(good), certificate_chain: file('half.pem', half) }] }),
    /tls_certificates\[0\]\.certificate_chain: /,
  ],
  [
    'a file that is not there',
    own({ tls_certificates: [{ ...pair(good), certificate_chain: { filename: '/nowhere/at.all' } }] }),
    /certificate_chain.*: .*\/nowhere\/at\.all/,
  ],
  [
    'MUST_STAPLE without a response',
    own({ tls_certificates: certificates }, { ocsp_staple_policy: 'MUST_STAPLE' }),
    /MUST_STAPLE needs an ocsp_staple/,
  ],
  [
    'a certificate that must be stapled',
    own({ tls_certificates: [pair(mustStaple)] }),
    /says itself that it needs an ocsp_staple/,
  ],
  [
    'a response that is none',
    own({ tls_certificates: [{ ...pair(good), ocsp_staple: file('no.ocsp', 'nothing') }] }),
    /ocsp_staple: is no good OCSP response/,
  ],
  [
    'a cipher nobody knows',
    own({ tls_certificates: certificates, tls_params: { cipher_suites: ['NO-SUCH-CIPHER'] } }),
    /tls_params.*NO-SUCH-CIPHER|tls_params: OpenSSL refuses/,
  ],
  [
    'a curve nobody knows',
    own({ tls_certificates: certificates, tls_params: { ecdh_curves: ['P-999'] } }),
    /tls_params.*P-999|tls_params: OpenSSL refuses/,
  ],
  [
    'names without an authority',
    checking({ match_typed_subject_alt_names: [{ san_type: 'DNS', matcher: { exact: 'a' } }] }),
    /a name in a certificate is worth nothing without a trusted_ca/,
  ],
  [
    'an authority that is none',
    checking({ trusted_ca: file('no.ca', 'nothing') }),
    /trusted_ca: holds no certificate in PEM form/,
  ],
  [
    'a revocation list that is none',
    checking({ ...trusted, crl: file('no.crl', 'nothing') }),
    /crl: holds no revocation list in PEM form/,
  ],
  [
    'a revocation list without an authority',
    checking({ crl: file('no2.crl', 'nothing') }),
    /crl: a revocation list needs the trusted_ca/,
  ],
  [
    'a hash of the wrong length',
    checking({ ...trusted, verify_certificate_hash: ['abcd'] }),
    /verify_certificate_hash\[0\]/,
  ],
  [
    'other names',
    checking({
      ...trusted,
      match_typed_subject_alt_names: [{ san_type: 'OTHER_NAME', matcher: { exact: 'a' }, oid: '1.2.3' }],
    }),
    /Node\.js does not show/,
  ],
  ['expired certificates', checking({ ...trusted, allow_expired_certificate: true }), /allow_expired_certificate: /],
  [
    'a leaf alone against a list',
    checking({ ...trusted, only_verify_leaf_cert_crl: true }),
    /only_verify_leaf_cert_crl: /,
  ],
  [
    'a validator nobody knows',
    checking({
      custom_validator_config: {
        name: 'mine',
        typed_config: { '@type': 'type.googleapis.com/google.protobuf.Struct' },
      },
    }),
    /custom_validator_config/,
  ],
  [
    'a trust domain twice',
    spiffe({
      trust_domains: [
        { name: 'a', trust_bundle: trusted.trusted_ca },
        { name: 'a', trust_bundle: trusted.trusted_ca },
      ],
    }),
    /the trust domain a stands twice/,
  ],
  ['trust bundles in JSON', spiffe({ trust_bundles: trusted.trusted_ca }), /trust_bundles: bundles in JSON/],
  [
    'secrets over gRPC',
    own({ tls_certificate_sds_secret_configs: [{ name: 'far', sds_config: grpc }] }),
    /sds_config.*: .*/,
  ],
  ['a secret nobody has', own({ tls_certificate_sds_secret_configs: [{ name: 'missing' }] }), /missing/],
  [
    'ticket keys of the wrong size',
    own({ tls_certificates: certificates }, { session_ticket_keys: { keys: [file('short.keys', 'short')] } }),
    /session_ticket_keys\.keys\[0\]/,
  ],
  [
    'a handshaker of its own',
    own({ tls_certificates: certificates, custom_handshaker: { name: 'mine' } }),
    /custom_handshaker: plugins of the TLS library/,
  ],
  [
    'a private key provider',
    own({
      tls_certificates: [
        { certificate_chain: { filename: good.cert }, private_key_provider: { provider_name: 'mine' } },
      ],
    }),
    /private_key_provider: plugins of the TLS library/,
  ],
  [
    'presets',
    own({ tls_certificates: certificates, tls_params: { compliance_policies: ['FIPS_202205'] } }),
    /compliance_policies: /,
  ],
  ['the context of the other side', upstreamTls({ sni: 'a' }), /UpstreamTlsContext/],
]

/** What is said of each listener: what one phase of loading turns down hides from the next, so there are rounds. */
function verdicts(listeners: readonly object[], clusters: readonly object[]): ReadonlyMap<object, string> {
  const config = join(authority.folder, 'bootstrap.json')
  const said = new Map<object, string>()
  let left = [...listeners, ...clusters]
  for (let round = 0; round < 5 && left.length > 0; round++) {
    const [someListeners, someClusters] = [listeners, clusters].map(all => all.filter(one => left.includes(one)))
    writeFileSync(config, JSON.stringify(bootstrap(someListeners!, someClusters!)))
    const { status, stdout, stderr } = spawnSync(LAUNCHER, ['-c', config, '--mode', 'validate'], {
      encoding: 'utf8',
    })
    if (status === 0) break
    for (const line of (stdout + stderr).split('\n')) {
      const match = /error: static_resources\.(listeners|clusters)\[(\d+)\](.*)/.exec(line)
      if (match === null) continue
      const subject = (match[1] === 'listeners' ? someListeners : someClusters)![Number(match[2])]!
      said.set(subject, `${said.get(subject) ?? ''}${match[3]}\n`)
    }
    left = left.filter(one => !said.has(one))
  }
  return said
}

describe('each with its place', () => {
  const listeners = refused.map(([name, tls], i) => ({ ...securedListener({ port: 40_000 + i, tls }), name }))
  const clusters = [
    staticCluster('turned-round', 1, { transport_socket: own({ tls_certificates: certificates }) }),
    staticCluster('two-certificates', 1, {
      transport_socket: upstreamTls({ common_tls_context: { tls_certificates: [pair(good), pair(other)] } }),
    }),
  ]
  let said: ReadonlyMap<object, string>
  before(() => {
    said = verdicts(listeners, clusters)
  })
  for (const [i, [name, , expected]] of refused.entries()) {
    test(name, () => assert.match(said.get(listeners[i]!) ?? 'nothing was said', expected))
  }
  test('a context of servers for a cluster', () => assert.match(said.get(clusters[0]!) ?? '', /DownstreamTlsContext/))
  test('two certificates for a cluster', () => assert.match(said.get(clusters[1]!) ?? '', /tls_certificates/))
})
