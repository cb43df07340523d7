import type { GrpcMethodListJson } from '#api/envoy/config/core/v3/grpc_method_list_pb.ts'
import type { FilterConfigJson } from '#api/envoy/extensions/filters/http/grpc_stats/v3/config_pb.ts'
import { declareSupport, type ExtensionFactory } from '../../../config/index.ts'
import { GrpcStatsTable, type HttpFilter, type HttpFilterPlan } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { GrpcStatsFilter, type GrpcStatsSettings } from './grpc-stats.ts'

const API = 'envoy.extensions.filters.http.grpc_stats.v3'
const NAME = 'envoy.filters.http.grpc_stats'

declareSupport(`${API}.FilterConfig`, {
  supported: [
    'emit_filter_state',
    'individual_method_stats_allowlist',
    'stats_for_all_methods',
    'enable_upstream_stats',
    'replace_dots_in_grpc_service_name',
  ],
})
declareSupport('envoy.config.core.v3.GrpcMethodList', { supported: ['services'] })
declareSupport('envoy.config.core.v3.GrpcMethodList.Service', { supported: ['name', 'method_names'] })

function methodSet(list: GrpcMethodListJson | undefined): ReadonlySet<string> {
  const methods = (list?.services ?? []).flatMap(({ name, methodNames }) =>
    (methodNames ?? []).map(method => `${name}/${method}`),
  )
  return new Set(methods)
}

class GrpcStatsPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  private readonly settings: GrpcStatsSettings
  private table!: GrpcStatsTable

  constructor(settings: GrpcStatsSettings) {
    this.settings = settings
  }

  start(thread: ThreadContext): void {
    this.table = new GrpcStatsTable(thread.stats, 'grpc')
  }

  create(): HttpFilter {
    return new GrpcStatsFilter(this.settings, this.table)
  }
}

/** envoy.filters.http.grpc_stats */
export const grpcStatsFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.FilterConfig`],
  compile: config => {
    const json = config as FilterConfigJson
    return new GrpcStatsPlan({
      named: json.statsForAllMethods === true ? 'all' : methodSet(json.individualMethodStatsAllowlist),
      emitFilterState: json.emitFilterState ?? false,
      upstreamTime: json.enableUpstreamStats ?? false,
      replaceDots: json.replaceDotsInGrpcServiceName ?? false,
    })
  },
}
