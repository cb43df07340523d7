import { declareSupport } from '../../../config/index.ts'

const RBAC = 'envoy.config.rbac.v3'
const HTTP_ONLY = 'only HTTP requests have it, and this release has no HTTP RBAC filter'
const NO_CEL = 'CEL expressions are not part of this release'
const NO_EXTENSIONS = 'matcher extensions are not part of this release'
const NO_MATCHER = 'the matcher tree is not offered here; use rules'

declareSupport('envoy.extensions.filters.network.rbac.v3.RBAC', {
  supported: ['rules', 'shadow_rules', 'shadow_rules_stat_prefix', 'stat_prefix', 'enforcement_type', 'delay_deny'],
  refused: { matcher: NO_MATCHER, shadow_matcher: NO_MATCHER },
})
declareSupport(`${RBAC}.RBAC`, {
  supported: ['action', 'policies'],
  refused: { audit_logging_options: 'audit loggers are not part of this release' },
})
declareSupport(`${RBAC}.Policy`, {
  supported: ['permissions', 'principals'],
  refused: { condition: NO_CEL, checked_condition: NO_CEL, cel_config: NO_CEL },
})
declareSupport(`${RBAC}.Permission`, {
  supported: [
    'and_rules',
    'or_rules',
    'any',
    'destination_ip',
    'destination_port',
    'destination_port_range',
    'metadata',
    'not_rule',
    'requested_server_name',
  ],
  refused: {
    header: HTTP_ONLY,
    url_path: HTTP_ONLY,
    uri_template: HTTP_ONLY,
    matcher: NO_EXTENSIONS,
    sourced_metadata: 'use metadata',
  },
})
declareSupport(`${RBAC}.Permission.Set`, { supported: ['rules'] })
declareSupport(`${RBAC}.Principal`, {
  supported: ['and_ids', 'or_ids', 'any', 'source_ip', 'direct_remote_ip', 'remote_ip', 'metadata', 'not_id'],
  refused: {
    authenticated: 'TLS is not part of this release, so no client is authenticated',
    header: HTTP_ONLY,
    url_path: HTTP_ONLY,
    filter_state: 'filter state matchers are not part of this release',
    custom: NO_EXTENSIONS,
    sourced_metadata: 'use metadata',
  },
})
declareSupport(`${RBAC}.Principal.Set`, { supported: ['ids'] })
