// What this release does with every field of the TLS messages.
import { declareSupport } from '../../../config/index.ts'

const TLS = 'envoy.extensions.transport_sockets.tls.v3'
const PROVIDERS = 'certificate provider plugins are not part of this release; use files or SDS files'
const WATCHED = 'every file of a secret is watched, whichever way it is replaced'
const PLUGIN = 'plugins of the TLS library cannot be loaded into Node.js; leave it out'

declareSupport(`${TLS}.DownstreamTlsContext`, {
  supported: [
    'common_tls_context',
    'require_client_certificate',
    'disable_stateless_session_resumption',
    'session_timeout',
    'full_scan_certs_on_sni_mismatch',
    'prefer_client_ciphers',
    'session_ticket_keys',
    'session_ticket_keys_sds_secret_config',
    'ocsp_staple_policy',
  ],
  refused: {
    require_sni: 'Envoy does not implement it either; choose filter chains by server_names',
  },
  accepted: {
    disable_stateful_session_resumption: 'sessions are resumed by tickets only, whatever it says',
  },
})
declareSupport(`${TLS}.UpstreamTlsContext`, {
  supported: [
    'common_tls_context',
    'sni',
    'auto_host_sni',
    'auto_sni_san_validation',
    'max_session_keys',
    'allow_renegotiation',
  ],
  accepted: { enforce_rsa_key_usage: 'OpenSSL always checks the key usage' },
})
declareSupport(`${TLS}.CommonTlsContext`, {
  supported: [
    'tls_params',
    'tls_certificates',
    'tls_certificate_sds_secret_configs',
    'validation_context',
    'validation_context_sds_secret_config',
    'combined_validation_context',
    'alpn_protocols',
    'key_log',
  ],
  refused: {
    tls_certificate_provider_instance: PROVIDERS,
    tls_certificate_certificate_provider: PROVIDERS,
    tls_certificate_certificate_provider_instance: PROVIDERS,
    validation_context_certificate_provider: PROVIDERS,
    validation_context_certificate_provider_instance: PROVIDERS,
    custom_handshaker: PLUGIN,
    custom_tls_certificate_selector: PLUGIN,
  },
})
declareSupport(`${TLS}.TlsParameters`, {
  supported: [
    'tls_minimum_protocol_version',
    'tls_maximum_protocol_version',
    'cipher_suites',
    'ecdh_curves',
    'signature_algorithms',
  ],
  refused: { compliance_policies: 'the presets belong to BoringSSL; write out versions, ciphers and curves' },
})
declareSupport(`${TLS}.TlsCertificate`, {
  supported: ['certificate_chain', 'private_key', 'pkcs12', 'password', 'ocsp_staple'],
  refused: {
    private_key_provider: PLUGIN,
    signed_certificate_timestamp: 'Envoy does not implement it either',
    tls_params: 'parameters per certificate are not part of this release; set tls_params of the TLS context',
  },
  accepted: { watched_directory: WATCHED },
})
declareSupport(`${TLS}.CertificateValidationContext`, {
  supported: [
    'trusted_ca',
    'system_root_certs',
    'verify_certificate_spki',
    'verify_certificate_hash',
    'match_typed_subject_alt_names',
    'match_subject_alt_names',
    'crl',
    'trust_chain_verification',
    'max_verify_depth',
    'custom_validator_config',
    'allow_expired_certificate',
    'only_verify_leaf_cert_crl',
    'suppress_client_ca_list',
  ],
  values: {
    allow_expired_certificate: {
      true: 'OpenSSL tells only the last flaw of a chain, and an expired one could hide a worse',
    },
    only_verify_leaf_cert_crl: {
      true: 'OpenSSL, as Node.js sets it up, always checks the whole chain against the list',
    },
    suppress_client_ca_list: { true: 'Node.js always sends the names of the trusted authorities' },
  },
  refused: {
    ca_certificate_provider_instance: PROVIDERS,
    require_signed_certificate_timestamp: 'Envoy does not implement it either',
  },
  accepted: {
    watched_directory: WATCHED,
  },
})
declareSupport(`${TLS}.CertificateValidationContext.SystemRootCerts`, { supported: [] })
declareSupport(`${TLS}.SubjectAltNameMatcher`, {
  supported: ['san_type', 'matcher'],
  values: { san_type: { OTHER_NAME: 'Node.js does not show the value of other names' } },
  refused: { oid: 'it belongs to OTHER_NAME, whose value Node.js does not show' },
})

declareSupport(`${TLS}.CommonTlsContext.CombinedCertificateValidationContext`, {
  supported: ['default_validation_context', 'validation_context_sds_secret_config'],
  refused: {
    validation_context_certificate_provider: PROVIDERS,
    validation_context_certificate_provider_instance: PROVIDERS,
  },
})
declareSupport(`${TLS}.TlsKeyLog`, { supported: ['path', 'local_address_range', 'remote_address_range'] })
declareSupport(`${TLS}.TlsSessionTicketKeys`, { supported: ['keys'] })
declareSupport(`${TLS}.SdsSecretConfig`, { supported: ['name', 'sds_config'] })
declareSupport(`${TLS}.Secret`, {
  supported: ['name', 'tls_certificate', 'validation_context', 'session_ticket_keys', 'generic_secret'],
})
declareSupport(`${TLS}.SPIFFECertValidatorConfig`, {
  supported: ['trust_domains'],
  refused: {
    trust_bundles: 'bundles in JSON are not part of this release; give a trust_bundle in PEM with each domain',
  },
})
declareSupport(`${TLS}.SPIFFECertValidatorConfig.TrustDomain`, {
  supported: ['name', 'trust_bundle'],
  refused: { workload_trust_domain: 'it belongs to trust_bundles, which are not part of this release' },
})
