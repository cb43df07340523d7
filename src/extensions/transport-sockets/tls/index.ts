import type {
  DownstreamTlsContextJson,
  UpstreamTlsContextJson,
} from '#api/envoy/extensions/transport_sockets/tls/v3/tls_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import type { DownstreamTransportSocketPlan, UpstreamTransportSocketPlan } from '../../../net/index.ts'
import { compileDownstreamTls } from './downstream-tls.ts'
import './support.ts'
import { compileUpstreamTls } from './upstream-tls.ts'

const TLS = 'envoy.extensions.transport_sockets.tls.v3'

/** envoy.transport_sockets.tls of a listener. */
export const downstreamTlsFactory: ExtensionFactory<DownstreamTransportSocketPlan> = {
  name: 'envoy.transport_sockets.tls',
  category: 'envoy.transport_sockets.downstream',
  typeNames: [`${TLS}.DownstreamTlsContext`],
  compile: (config, context, path) => compileDownstreamTls(config as DownstreamTlsContextJson, context, path),
}

/** envoy.transport_sockets.tls of a cluster. */
export const upstreamTlsFactory: ExtensionFactory<UpstreamTransportSocketPlan> = {
  name: 'envoy.transport_sockets.tls',
  category: 'envoy.transport_sockets.upstream',
  typeNames: [`${TLS}.UpstreamTlsContext`],
  compile: (config, context, path) => compileUpstreamTls(config as UpstreamTlsContextJson, context, path),
}
