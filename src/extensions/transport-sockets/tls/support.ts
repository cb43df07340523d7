// What this release does with every field of the TLS messages.
import { declareSupport } from '../../../config/index.ts'

const TLS = 'envoy.extensions.transport_sockets.tls.v3'
const PROVIDERS = 'certificate provider plugins are not part of this release; use files or SDS files'
const PLUGIN = 'plugins of the TLS library cannot be loaded into Node.js; leave it out'

declareSupport(`${TLS}.DownstreamTlsContext`, {
  supported: [
    'common_tls_context',
    'require_client_certificate',
    'disable_stateless_session_resumption',
    'session_timeout',
    'full_scan_certs_on_sni_mismatch',
    'prefer_client_ciphers',
  ],
  refused: {
    require_sni: 'Envoy does not implement it either; choose filter chains by server_names',
    session_ticket_keys: 'later',
    session_ticket_keys_sds_secret_config: 'later',
    ocsp_staple_policy: 'later',
  },
  accepted: {
    disable_stateful_session_resumption: 'sessions are resumed by tickets only, whatever it says',
  },
})
declareSupport(`${TLS}.UpstreamTlsContext`, {
  supported: ['common_tls_context', 'sni', 'auto_host_sni', 'auto_sni_san_validation', 'max_session_keys'],
  values: { allow_renegotiation: { true: 'renegotiation is a feature of TLS 1.2 that only attackers use' } },
  refused: {},
  accepted: { allow_renegotiation: 'later', enforce_rsa_key_usage: 'OpenSSL always checks the key usage' },
})
declareSupport(`${TLS}.CommonTlsContext`, {
  supported: ['tls_params', 'tls_certificates', 'validation_context', 'alpn_protocols'],
  refused: {
    tls_certificate_sds_secret_configs: 'later',
    validation_context_sds_secret_config: 'later',
    combined_validation_context: 'later',
    key_log: 'later',
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
  supported: ['certificate_chain', 'private_key', 'password'],
  refused: {
    pkcs12: 'later',
    watched_directory: 'later',
    ocsp_staple: 'later',
    private_key_provider: PLUGIN,
    signed_certificate_timestamp: 'Envoy does not implement it either',
    tls_params: 'parameters per certificate are not part of this release; set tls_params of the TLS context',
  },
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
    watched_directory: 'later',
    require_signed_certificate_timestamp: 'Envoy does not implement it either',
    custom_validator_config: 'later',
  },
  accepted: {
    allow_expired_certificate: 'only false is accepted',
    only_verify_leaf_cert_crl: 'only false is accepted',
    suppress_client_ca_list: 'only false is accepted',
  },
})
declareSupport(`${TLS}.CertificateValidationContext.SystemRootCerts`, { supported: [] })
declareSupport(`${TLS}.SubjectAltNameMatcher`, {
  supported: ['san_type', 'matcher'],
  values: { san_type: { OTHER_NAME: 'Node.js does not show the value of other names' } },
  refused: { oid: 'it belongs to OTHER_NAME, whose value Node.js does not show' },
})
