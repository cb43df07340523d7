// envoy.config.core.v3.ConfigSource: where resources come from.
import type { ApiConfigSourceJson, ConfigSourceJson } from '#api/envoy/config/core/v3/config_source_pb.ts'
import type { CompileContext } from './compile-context.ts'
import type { ConfigPath } from './config-path.ts'
import { durationMs } from './durations.ts'
import { nearestName } from './names.ts'

interface AnySource {
  /** The same for the same source. */
  readonly key: string
  /** How long somebody waits for the first answer; 0: for ever. */
  readonly initialFetchTimeoutMs: number
}

export interface FileSourcePlan extends AnySource {
  readonly kind: 'file'
  readonly file: string
  /** Where a move may bring a new version besides the file's own folder; null: nowhere. */
  readonly watchedFolder: string | null
}

/** The stream that dynamic_resources.ads_config describes. */
export interface AdsSourcePlan extends AnySource {
  readonly kind: 'ads'
}

/** A service of its own for each subscription. */
export interface ApiSourcePlan extends AnySource {
  readonly kind: 'grpc' | 'delta_grpc' | 'rest'
  readonly api: ApiConfigSourceJson
}

export type ConfigSourcePlan = FileSourcePlan | AdsSourcePlan | ApiSourcePlan

const DEFAULT_FETCH_TIMEOUT_MS = 15_000
const KINDS = { GRPC: 'grpc', DELTA_GRPC: 'delta_grpc', REST: 'rest' } as const

/** Null, after a diagnostic, where `json` names no source that can be asked. */
export function compileConfigSource(
  json: ConfigSourceJson | undefined,
  context: CompileContext,
  path: ConfigPath,
): ConfigSourcePlan | null {
  const initialFetchTimeoutMs = durationMs(json?.initialFetchTimeout, DEFAULT_FETCH_TIMEOUT_MS)
  if (json?.ads !== undefined) {
    if (context.discovery?.ads === false) {
      context.diagnostics.error(path.field('ads'), 'nothing says where ADS is', {
        expected: 'dynamic_resources.ads_config in the bootstrap',
      })
    }
    return { kind: 'ads', key: 'ads', initialFetchTimeoutMs }
  }
  if (json?.apiConfigSource !== undefined) {
    const api = json.apiConfigSource
    const kind = compileApiSource(api, context, path.field('api_config_source'))
    return kind === null ? null : { kind, key: JSON.stringify(api), initialFetchTimeoutMs, api }
  }
  const file = json?.pathConfigSource?.path ?? json?.path ?? ''
  if (file === '') {
    context.diagnostics.error(path, 'names no source', {
      expected: 'ads, api_config_source, or path_config_source: {path: <a file>}',
    })
    return null
  }
  const watchedFolder = json?.pathConfigSource?.watchedDirectory?.path ?? null
  return { kind: 'file', key: file, initialFetchTimeoutMs: 0, file, watchedFolder }
}

/** Checks what ApiConfigSource says; null after a diagnostic. `path`: its own. */
export function compileApiSource(
  api: ApiConfigSourceJson,
  context: CompileContext,
  path: ConfigPath,
): ApiSourcePlan['kind'] | null {
  const { diagnostics } = context
  // As in Envoy, AUTO is the only one there is.
  if (api.transportApiVersion === 'V2') {
    diagnostics.error(path.field('transport_api_version'), 'there is one version of the protocol, V3', {
      expected: 'V3',
      found: 'V2',
    })
  }
  const kind = KINDS[api.apiType as keyof typeof KINDS]
  if (kind === undefined) {
    diagnostics.error(path.field('api_type'), 'names no protocol', { expected: 'GRPC, DELTA_GRPC or REST' })
    return null
  }
  if (kind === 'rest') checkRest(api, context, path)
  else checkGrpc(api, context, path)
  return kind
}

function checkRest(
  { clusterNames = [], grpcServices, refreshDelay }: ApiConfigSourceJson,
  context: CompileContext,
  path: ConfigPath,
): void {
  const { diagnostics } = context
  if (grpcServices !== undefined) {
    diagnostics.error(path.field('grpc_services'), 'REST has none', { expected: 'cluster_names' })
  }
  if (refreshDelay === undefined)
    diagnostics.error(path.field('refresh_delay'), 'REST asks again and again: how often?')
  const [name] = clusterNames
  if (name === undefined || clusterNames.length > 1) {
    diagnostics.error(path.field('cluster_names'), 'must have a single cluster name specified')
    return
  }
  checkCluster(name, context, path.field('cluster_names').index(0))
}

function checkGrpc(
  { clusterNames, grpcServices = [] }: ApiConfigSourceJson,
  context: CompileContext,
  path: ConfigPath,
): void {
  const { diagnostics } = context
  if (clusterNames !== undefined) {
    diagnostics.error(path.field('cluster_names'), 'a gRPC source has none', { expected: 'grpc_services' })
  }
  const [service] = grpcServices
  if (service === undefined || grpcServices.length > 1) {
    diagnostics.error(path.field('grpc_services'), 'must have a single gRPC service specified', {
      found: `a list of ${grpcServices.length}`,
    })
    return
  }
  const at = path.field('grpc_services').index(0)
  checkCluster(service.envoyGrpc?.clusterName ?? '', context, at.field('envoy_grpc').field('cluster_name'))
  for (const [i, { value = '' }] of (service.initialMetadata ?? []).entries()) {
    if (!value.includes('%')) continue
    diagnostics.error(at.field('initial_metadata').index(i).field('value'), 'the metadata of calls is constant', {
      expected: 'a value without %',
      found: value,
    })
  }
}

/** A server of resources must be reachable before there are any. */
function checkCluster(name: string, { discovery, diagnostics, clusterNames }: CompileContext, path: ConfigPath): void {
  if (discovery === undefined || discovery.isPrimaryCluster(name)) return
  const suggestion = nearestName(name, clusterNames?.() ?? [])
  diagnostics.error(path, `cluster '${name}' does not exist, was added via api, or is an EDS cluster`, {
    expected: 'the name of a cluster in static_resources that is no EDS cluster',
    found: name,
    code: 'unknown-cluster',
    ...(suggestion === undefined ? {} : { suggestion }),
  })
}
