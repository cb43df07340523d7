import type { DecompressorJson } from '#api/envoy/extensions/filters/http/decompressor/v3/decompressor_pb.ts'
import { type CompileContext, type ConfigPath, declareSupport } from '../../../config/index.ts'
import type { BodyCodec } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'

const API = 'envoy.extensions.filters.http.decompressor.v3.Decompressor'

declareSupport(API, {
  supported: ['decompressor_library', 'request_direction_config', 'response_direction_config'],
})
declareSupport(`${API}.CommonDirectionConfig`, { supported: ['enabled', 'ignore_no_transform_header'] })
declareSupport(`${API}.RequestDirectionConfig`, { supported: ['common_config', 'advertise_accept_encoding'] })
declareSupport(`${API}.ResponseDirectionConfig`, { supported: ['common_config'] })

type CommonJson = NonNullable<NonNullable<DecompressorJson['responseDirectionConfig']>['commonConfig']>

export class DirectionSettings {
  readonly ignoresNoTransform: boolean
  private readonly enabledByDefault: boolean
  private readonly enabledKey: string

  constructor(json: CommonJson | undefined) {
    this.ignoresNoTransform = json?.ignoreNoTransformHeader === true
    this.enabledByDefault = json?.enabled?.defaultValue ?? true
    this.enabledKey = json?.enabled?.runtimeKey ?? ''
    Object.freeze(this)
  }

  enabled(thread: ThreadContext): boolean {
    if (this.enabledKey === '') return this.enabledByDefault
    return thread.runtime.snapshot.getBoolean(this.enabledKey, this.enabledByDefault)
  }
}

export interface DecompressorSettings {
  readonly codec: BodyCodec
  readonly libraryName: string
  readonly request: DirectionSettings
  readonly response: DirectionSettings
  /** Origins are told that they may compress. */
  readonly advertises: boolean
}

/** Undefined after a diagnostic. */
export function compileDecompressor(
  json: DecompressorJson,
  context: CompileContext,
  path: ConfigPath,
): DecompressorSettings | undefined {
  const library = (json.decompressorLibrary ?? {}) as { name?: string; typedConfig?: { readonly '@type'?: string } }
  const at = path.field('decompressor_library')
  const factory = context.extensions.find('envoy.compression.decompressor', library, context, at)
  if (factory === undefined) return undefined
  return Object.freeze({
    codec: factory.compile(library.typedConfig as object, context, at.field('typed_config')) as BodyCodec,
    libraryName: library.name ?? '',
    request: new DirectionSettings(json.requestDirectionConfig?.commonConfig),
    response: new DirectionSettings(json.responseDirectionConfig?.commonConfig),
    advertises: json.requestDirectionConfig?.advertiseAcceptEncoding ?? true,
  })
}
