import type { DecompressorJson } from '#api/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts'
import type { ExtensionFactory } from '../../../config/index.ts'
import type { HttpFilterPlan } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import { DECOMPRESSOR_STATS, sizeTrailers } from './decompressing-body.ts'
import { DecompressorFilter, type DecompressorShared } from './decompressor.ts'
import { compileDecompressor, type DecompressorSettings } from './settings.ts'

const NAME = 'envoy.filters.http.decompressor'

class DecompressorPlan implements HttpFilterPlan {
  readonly name = NAME
  readonly terminal = false
  /** Undefined where a diagnostic was given: the plan is not used then. */
  private readonly settings: DecompressorSettings | undefined
  private shared!: DecompressorShared

  constructor(settings: DecompressorSettings | undefined) {
    this.settings = settings
  }

  start(thread: ThreadContext, statPrefix: string): void {
    const settings = this.settings!
    const prefix = `${statPrefix}decompressor.${settings.libraryName}.${settings.codec.statName}.`
    this.shared = {
      settings,
      thread,
      requestStats: thread.stats.block(`${prefix}request.`, DECOMPRESSOR_STATS),
      responseStats: thread.stats.block(`${prefix}response.`, DECOMPRESSOR_STATS),
      trailers: sizeTrailers(settings.libraryName),
    }
  }

  create(): DecompressorFilter {
    return new DecompressorFilter(this.shared)
  }
}

/** envoy.filters.http.decompressor */
export const decompressorFactory: ExtensionFactory<HttpFilterPlan> = {
  name: NAME,
  category: 'envoy.filters.http',
  typeNames: ['envoy.extensions.filters.http.decompressor.v3.Decompressor'],
  compile: (config, context, path) =>
    new DecompressorPlan(compileDecompressor(config as DecompressorJson, context, path)),
}
