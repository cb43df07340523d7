// core.v3.GrpcService: where a filter's gRPC service is and how it is called.
import type { GrpcServiceJson } from '#api/envoy/config/core/v3/grpc_service_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs, nearestName } from '../../config/index.ts'
import { HeaderName } from '../../http/index.ts'
import type { GrpcCallOptions } from './grpc-call.ts'

declareSupport('envoy.config.core.v3.GrpcService', {
  supported: ['envoy_grpc', 'timeout', 'initial_metadata'],
  refused: {
    google_grpc: 'there is one gRPC client here: use envoy_grpc with a cluster',
    retry_policy: 'calls of filters are not retried; raise the timeout or the outlier detection of their cluster',
  },
})
declareSupport('envoy.config.core.v3.GrpcService.EnvoyGrpc', {
  supported: ['cluster_name', 'authority', 'max_receive_message_length'],
  refused: {
    retry_policy: 'calls of filters are not retried; raise the timeout or the outlier detection of their cluster',
    skip_envoy_headers: 'the x-envoy headers of calls are always sent',
  },
})

const MAX_MESSAGE_BYTES = 4 * 1024 * 1024

/** `path`: '/package.Service/Method'; `defaultTimeoutMs`: where the service says none. */
export function compileGrpcService(
  json: GrpcServiceJson,
  method: string,
  defaultTimeoutMs: number,
  context: CompileContext,
  path: ConfigPath,
): GrpcCallOptions {
  const cluster = json.envoyGrpc?.clusterName ?? ''
  checkServiceCluster(cluster, context, path.field('envoy_grpc').field('cluster_name'))
  const initialMetadata = (json.initialMetadata ?? []).map(({ key = '', value = '', rawValue }, i) => {
    const text = rawValue === undefined ? value : Buffer.from(rawValue, 'base64').toString('utf8')
    if (text.includes('%')) {
      const at = path.field('initial_metadata').index(i).field('value')
      context.diagnostics.error(at, 'the metadata of calls is constant', { expected: 'a value without %', found: text })
    }
    return { name: HeaderName.of(key), value: toWireText(text) }
  })
  return {
    cluster,
    authority: json.envoyGrpc?.authority ?? '',
    path: method,
    timeoutMs: durationMs(json.timeout, defaultTimeoutMs),
    initialMetadata,
    maxResponseBytes: json.envoyGrpc?.maxReceiveMessageLength ?? MAX_MESSAGE_BYTES,
  }
}

/** The cluster that a filter calls must be there. */
export function checkServiceCluster(name: string, context: CompileContext, path: ConfigPath): void {
  if (context.hasCluster(name)) return
  const suggestion = nearestName(name, context.clusterNames?.() ?? [])
  context.diagnostics.error(path, `unknown cluster ${name}`, {
    expected: 'the name of a cluster',
    found: name,
    code: 'unknown-cluster',
    ...(suggestion === undefined ? {} : { suggestion }),
  })
}
