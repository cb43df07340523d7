import type {
  CompressorJson,
  CompressorPerRouteJson,
} from '#api/envoy/extensions/filters/http/compressor/v3/compressor_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import { type HttpFilterPlan, PER_ROUTE_CATEGORY } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { CompressorFilter } from './compressor.ts'
import { type CompressorOverride, type CompressorSettings, compileCompressor, compileOverride } from './settings.ts'
import { type CompressorStats, compressorStats } from './stats.ts'

const API = 'envoy.extensions.filters.http.compressor.v3'
const NAME = 'envoy.filters.http.compressor'

class CompressorPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  /** Undefined where a diagnostic was given: the plan is not used then. */
  private readonly settings: CompressorSettings | undefined
  private stats!: CompressorStats

  constructor(settings: CompressorSettings | undefined) {
    this.settings = settings
  }

  start(thread: ThreadContext, statPrefix: string): void {
    const { libraryName, codec, namesResponseStats } = this.settings!
    const prefix = `${statPrefix}compressor.${libraryName}.${codec.statName}.`
    this.stats = compressorStats(thread, prefix, namesResponseStats)
  }

  create(thread: ThreadContext): CompressorFilter {
    return new CompressorFilter(this.settings!, this.stats, thread)
  }
}

/** envoy.filters.http.compressor */
export const compressorFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: [`${API}.Compressor`],
  compile: (config, context, path) => new CompressorPlan(compileCompressor(config as CompressorJson, context, path)),
}

export const compressorPerRouteFactory: ExtensionFactory<CompressorOverride> = {
  name: NAME,
  category: PER_ROUTE_CATEGORY,
  typeNames: [`${API}.CompressorPerRoute`],
  compile: (config, context, path) => compileOverride(config as CompressorPerRouteJson, context, path),
}
