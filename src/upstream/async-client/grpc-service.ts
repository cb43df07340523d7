// core.v3.GrpcService: where a filter's gRPC service is and how it is called.
import type { HeaderValueJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { GrpcServiceJson } from '#api/envoy/config/core/v3/grpc_service_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, declareSupport, durationMs, nearestName } from '../../config/index.ts'
import { HeaderName } from '../../http/index.ts'
import type { GrpcCallOptions, GrpcMetadata } from './grpc-options.ts'

/** Streams of resources are: their retry_policy says how long to wait. */
const NOT_RETRIED = 'calls of filters are not retried; raise the timeout or the outlier detection of their cluster'

declareSupport('envoy.config.core.v3.GrpcService', {
  supported: ['envoy_grpc', 'timeout', 'initial_metadata'],
  refused: {
    google_grpc: 'there is one gRPC client here: use envoy_grpc with a cluster',
    retry_policy: NOT_RETRIED,
  },
})
declareSupport('envoy.config.core.v3.GrpcService.EnvoyGrpc', {
  supported: ['cluster_name', 'authority', 'max_receive_message_length', 'retry_policy'],
  refused: {
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
  if (json.envoyGrpc?.retryPolicy !== undefined) {
    context.diagnostics.error(path.field('envoy_grpc').field('retry_policy'), `is not supported: ${NOT_RETRIED}`)
  }
  return {
    cluster,
    authority: json.envoyGrpc?.authority ?? '',
    path: method,
    timeoutMs: durationMs(json.timeout, defaultTimeoutMs),
    initialMetadata: compileGrpcMetadata(json.initialMetadata ?? [], context, path.field('initial_metadata')),
    maxResponseBytes: json.envoyGrpc?.maxReceiveMessageLength ?? MAX_MESSAGE_BYTES,
  }
}

/** `path` is that of the list. */
export function compileGrpcMetadata(
  values: readonly HeaderValueJson[],
  context: CompileContext,
  path: ConfigPath,
): readonly GrpcMetadata[] {
  return values.map(({ key = '', value = '', rawValue }, i) => {
    const text = rawValue === undefined ? value : Buffer.from(rawValue, 'base64').toString('utf8')
    if (text.includes('%')) {
      context.diagnostics.error(path.index(i).field('value'), 'the metadata of calls is constant', {
        expected: 'a value without %',
        found: text,
      })
    }
    return { name: HeaderName.of(key), value: toWireText(text) }
  })
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
