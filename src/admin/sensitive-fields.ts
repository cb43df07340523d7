// The fields that the API marks (udpa.annotations.sensitive): everything below them is replaced in a dump.

const TLS = 'envoy.extensions.transport_sockets.tls.v3'
const REDIS = 'envoy.extensions.filters.network.redis_proxy.v3'
const BASIC_AUTH = 'envoy.extensions.filters.http.basic_auth.v3'

export const SENSITIVE_FIELDS: ReadonlySet<string> = new Set([
  `${TLS}.TlsCertificate.private_key`,
  `${TLS}.TlsCertificate.pkcs12`,
  `${TLS}.TlsCertificate.password`,
  `${TLS}.TlsSessionTicketKeys.keys`,
  `${TLS}.PrivateKeyProvider.typed_config`,
  `${TLS}.GenericSecret.secret`,
  `${REDIS}.RedisProxy.downstream_auth_password`,
  `${REDIS}.RedisProxy.downstream_auth_passwords`,
  `${REDIS}.RedisProxy.downstream_auth_username`,
  `${REDIS}.RedisProtocolOptions.auth_password`,
  `${REDIS}.RedisProtocolOptions.auth_username`,
  `${REDIS}.RedisProtocolOptions.Credential.auth_password`,
  `${REDIS}.RedisProtocolOptions.Credential.auth_username`,
  `${BASIC_AUTH}.BasicAuth.users`,
  `${BASIC_AUTH}.BasicAuthPerRoute.users`,
  'envoy.extensions.filters.http.ext_authz.v3.CheckSettings.context_extensions',
  'envoy.config.trace.v3.ClientConfig.backend_token',
  'envoy.config.grpc_credential.v3.FileBasedMetadataConfig.secret_data',
  'envoy.config.core.v3.GrpcService.GoogleGrpc.SslCredentials.private_key',
])

export const REDACTED_TEXT = '[redacted]'
/** The same in base64, as ProtoJSON writes bytes. */
export const REDACTED_BYTES = 'W3JlZGFjdGVkXQ=='

export function isSensitive(messageTypeName: string, fieldName: string): boolean {
  return SENSITIVE_FIELDS.has(`${messageTypeName}.${fieldName}`)
}
