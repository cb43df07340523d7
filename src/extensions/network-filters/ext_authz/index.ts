import type { ExtAuthzJson } from '#api/envoy/extensions/filters/network/ext_authz/v3/ext_authz_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileMetadataMatcher,
  declareSupport,
  type ExtensionFactory,
} from '../../../config/index.ts'
import type { NetworkFilterPlan, ThreadContext } from '../../../net/index.ts'
import { AuthorizationService, type UpstreamThread } from '../../../upstream/index.ts'
import { type AuthorizedConnections, ConnectionAuthz, EXT_AUTHZ_STATS } from './connection-authz.ts'

declareSupport('envoy.extensions.filters.network.ext_authz.v3.ExtAuthz', {
  supported: [
    'stat_prefix',
    'grpc_service',
    'failure_mode_allow',
    'include_peer_certificate',
    'include_tls_session',
    'filter_enabled_metadata',
    'metadata_context_namespaces',
  ],
  refused: {
    bootstrap_metadata_labels_key: 'labels are not sent in this release',
    send_tls_alert_on_denial: 'TLS alerts of filters are not part of this release: the connection is closed',
    typed_metadata_context_namespaces: 'typed metadata is not part of this release; use metadata_context_namespaces',
    shadow_mode: 'not part of this release; failure_mode_allow lets connections pass when the service fails',
  },
  accepted: { transport_api_version: 'there is only v3' },
})

class ExtAuthzPlan implements NetworkFilterPlan {
  readonly terminal = false
  private readonly parts: Omit<AuthorizedConnections, 'thread' | 'stats'>
  private readonly statPrefix: string
  private shared: AuthorizedConnections | null = null

  constructor(json: ExtAuthzJson, context: CompileContext, path: ConfigPath) {
    const enabled = json.filterEnabledMetadata
    this.parts = {
      service: new AuthorizationService(json.grpcService ?? {}, context, path.field('grpc_service')),
      failureModeAllow: json.failureModeAllow ?? false,
      peer: { peerCertificate: json.includePeerCertificate ?? false, tlsSession: json.includeTlsSession ?? false },
      namespaces: json.metadataContextNamespaces ?? [],
      isEnabled:
        enabled === undefined
          ? () => true
          : compileMetadataMatcher(enabled, context, path.field('filter_enabled_metadata')),
    }
    this.statPrefix = json.statPrefix ?? ''
  }

  prepare(thread: ThreadContext): void {
    this.shared ??= this.share(thread)
  }

  create(thread: ThreadContext): ConnectionAuthz {
    this.shared ??= this.share(thread)
    return new ConnectionAuthz(this.shared)
  }

  private share(thread: ThreadContext): AuthorizedConnections {
    this.parts.service.prepare()
    return {
      ...this.parts,
      thread: thread as UpstreamThread,
      stats: thread.stats.block(`ext_authz.${this.statPrefix}.`, EXT_AUTHZ_STATS),
    }
  }
}

/** envoy.filters.network.ext_authz */
export const networkExtAuthzFactory: ExtensionFactory<NetworkFilterPlan> = {
  name: 'envoy.filters.network.ext_authz',
  category: 'envoy.filters.network',
  typeNames: ['envoy.extensions.filters.network.ext_authz.v3.ExtAuthz'],
  compile: (config, context, path) => new ExtAuthzPlan(config as ExtAuthzJson, context, path),
}
