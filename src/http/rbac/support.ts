import { declareSupport } from '../../config/index.ts'

const RBAC = 'envoy.config.rbac.v3'
const NO_EXTENSIONS = 'matcher extensions are not part of this release'

declareSupport(`${RBAC}.RBAC`, {
  supported: ['action', 'policies'],
  refused: { audit_logging_options: 'audit loggers are not part of this release; use the access log' },
})
declareSupport(`${RBAC}.Policy`, {
  supported: ['permissions', 'principals', 'condition', 'checked_condition', 'cel_config'],
})
declareSupport(`${RBAC}.Permission`, {
  supported: [
    'and_rules',
    'or_rules',
    'any',
    'header',
    'url_path',
    'uri_template',
    'destination_ip',
    'destination_port',
    'destination_port_range',
    'metadata',
    'not_rule',
    'requested_server_name',
    'sourced_metadata',
  ],
  refused: { matcher: NO_EXTENSIONS },
})
declareSupport(`${RBAC}.Permission.Set`, { supported: ['rules'] })
declareSupport(`${RBAC}.Principal`, {
  supported: [
    'and_ids',
    'or_ids',
    'any',
    'authenticated',
    'source_ip',
    'direct_remote_ip',
    'remote_ip',
    'header',
    'url_path',
    'metadata',
    'filter_state',
    'not_id',
    'sourced_metadata',
    'authenticated',
  ],
  refused: {
    custom: NO_EXTENSIONS,
  },
})
declareSupport(`${RBAC}.Principal.Authenticated`, { supported: ['principal_name'] })
declareSupport(`${RBAC}.Principal.Set`, { supported: ['ids'] })
declareSupport(`${RBAC}.SourcedMetadata`, { supported: ['metadata_matcher', 'metadata_source'] })
declareSupport('envoy.type.v3.Int32Range', { supported: ['start', 'end'] })
declareSupport('envoy.type.matcher.v3.FilterStateMatcher', { supported: ['key', 'string_match', 'address_match'] })
declareSupport('envoy.type.matcher.v3.AddressMatcher', { supported: ['ranges', 'invert_match'] })
declareSupport(`${RBAC}.Principal.Authenticated`, { supported: ['principal_name'] })
