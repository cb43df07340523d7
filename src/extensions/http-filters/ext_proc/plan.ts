import type {
  ExternalProcessorJson,
  ExtProcOverridesJson,
  ExtProcPerRouteJson,
  MetadataOptionsJson,
} from '#api/envoy/extensions/filters/http/ext_proc/v3/ext_proc_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileListStringMatcher,
  durationMs,
  type MessageCodec,
  messageCodec,
  type StringPredicate,
} from '../../../config/index.ts'
import { HeaderMutationRules, httpStatusCode } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import {
  compileGrpcMetadata,
  compileGrpcService,
  type GrpcCallOptions,
  type GrpcMetadata,
} from '../../../upstream/index.ts'
import { type AttributeExpression, compileAttributes } from './attributes.ts'
import {
  BodyFullDuplex,
  BodyNone,
  BodyStreamed,
  compileMode,
  isKnownMode,
  type ProcessingMode,
  Send,
  sameMode,
} from './modes.ts'
import { EXT_PROC_STATS } from './stats.ts'

const METHOD = '/envoy.service.ext_proc.v3.ExternalProcessor/Process'
const MESSAGE_TIMEOUT_MS = 200
const DEFERRED_CLOSE_MS = 5000
const INTERNAL_SERVER_ERROR = 500

export type RouteCacheAction = 'DEFAULT' | 'CLEAR' | 'RETAIN'

export interface MetadataPlan {
  readonly forwarded: readonly string[]
  readonly received: readonly string[]
}

/** What holds for one request: the filter's own settings, with those of its route over them. */
export interface RequestPlan {
  readonly disabled: boolean
  readonly service: GrpcCallOptions
  readonly mode: ProcessingMode
  readonly failureModeAllow: boolean
  readonly metadata: MetadataPlan
}

/** What one level of the routes says; undefined: nothing. */
export interface RoutePlan {
  readonly disabled: boolean
  readonly service: GrpcCallOptions | undefined
  readonly initialMetadata: readonly GrpcMetadata[]
  readonly mode: ProcessingMode | undefined
  readonly failureModeAllow: boolean | undefined
  readonly metadata: MetadataPlan | undefined
}

export class ExtProcPlan {
  readonly request: RequestPlan
  readonly rules: HeaderMutationRules
  readonly requestAttributes: readonly AttributeExpression[]
  readonly responseAttributes: readonly AttributeExpression[]
  readonly messageTimeoutMs: number
  readonly maxMessageTimeoutMs: number
  readonly deferredCloseMs: number
  readonly statusOnError: number
  readonly observes: boolean
  /** The stream to the processor has a span. */
  readonly emitsSpan: boolean
  readonly allowsImmediateResponse: boolean
  readonly routeCacheAction: RouteCacheAction
  readonly sends: StringPredicate
  stats!: StatBlock
  private readonly allowsModeOverride: boolean
  private readonly allowedModes: readonly ProcessingMode[]
  private readonly statPrefix: string
  private readonly byRoute = new WeakMap<object, RequestPlan>()
  private loaded: { request: MessageCodec; response: MessageCodec } | null = null

  constructor(json: ExternalProcessorJson, context: CompileContext, path: ConfigPath) {
    if (json.grpcService === undefined) {
      context.diagnostics.error(path, 'there is no processor', { expected: 'grpc_service' })
    }
    this.request = {
      disabled: false,
      service: compileGrpcService(json.grpcService ?? {}, METHOD, 0, context, path.field('grpc_service')),
      mode: checkedMode(json.processingMode ?? {}, context, path.field('processing_mode')),
      failureModeAllow: json.failureModeAllow ?? false,
      metadata: metadataPlan(json.metadataOptions),
    }
    this.rules = new HeaderMutationRules(json.mutationRules ?? {}, context, path.field('mutation_rules'))
    this.requestAttributes = compileAttributes(json.requestAttributes, context, path.field('request_attributes'))
    this.responseAttributes = compileAttributes(json.responseAttributes, context, path.field('response_attributes'))
    this.messageTimeoutMs = durationMs(json.messageTimeout, MESSAGE_TIMEOUT_MS)
    this.maxMessageTimeoutMs = durationMs(json.maxMessageTimeout, 0)
    this.deferredCloseMs = durationMs(json.deferredCloseTimeout, DEFERRED_CLOSE_MS)
    this.statusOnError = httpStatusCode(json.statusOnError, INTERNAL_SERVER_ERROR)
    this.observes = json.observabilityMode ?? false
    this.emitsSpan = json.emitClientSpan ?? true
    this.allowsImmediateResponse = json.disableImmediateResponse !== true
    this.routeCacheAction = routeCacheAction(json, context, path)
    this.sends = forwardRules(json, context, path.field('forward_rules'))
    this.allowsModeOverride = json.allowModeOverride ?? false
    const at = path.field('allowed_override_modes')
    this.allowedModes = (json.allowedOverrideModes ?? []).map((mode, i) => checkedMode(mode, context, at.index(i)))
    this.statPrefix = json.statPrefix === undefined || json.statPrefix === '' ? '' : `${json.statPrefix}.`
    if (this.observes) checkObservedMode(this.request.mode, context, path.field('processing_mode'))
    // Where requests will come, none of them shall wait for it; main only checks.
    if (context.resource !== undefined) this.codecs()
  }

  start(thread: ThreadContext, prefix: string): void {
    this.stats = thread.stats.block(`${prefix}ext_proc.${this.statPrefix}`, EXT_PROC_STATS)
    this.codecs()
  }

  codecs(): { readonly request: MessageCodec; readonly response: MessageCodec } {
    this.loaded ??= {
      request: messageCodec('envoy.service.ext_proc.v3.ProcessingRequest'),
      response: messageCodec('envoy.service.ext_proc.v3.ProcessingResponse'),
    }
    return this.loaded
  }

  /** `levels`: the least specific first. They are made once, so what they amount to is kept by the last of them. */
  forRoute(levels: readonly object[] | null): RequestPlan {
    const last = levels?.at(-1)
    if (levels === null || last === undefined) return this.request
    let plan = this.byRoute.get(last)
    if (plan === undefined) {
      plan = (levels as readonly RoutePlan[]).reduce(overlay, this.request)
      this.byRoute.set(last, plan)
    }
    return plan
  }

  mayOverride(mode: ProcessingMode): boolean {
    if (!this.allowsModeOverride || !isKnownMode(mode)) return false
    return this.allowedModes.length === 0 || this.allowedModes.some(allowed => sameMode(allowed, mode))
  }
}

function overlay(below: RequestPlan, route: RoutePlan): RequestPlan {
  const service = route.service ?? below.service
  const { initialMetadata } = route
  return {
    disabled: route.disabled,
    service:
      initialMetadata.length === 0
        ? service
        : { ...service, initialMetadata: [...service.initialMetadata, ...initialMetadata] },
    mode: route.mode ?? below.mode,
    failureModeAllow: route.failureModeAllow ?? below.failureModeAllow,
    metadata: route.metadata ?? below.metadata,
  }
}

export function compileRoutePlan(json: ExtProcPerRouteJson, context: CompileContext, path: ConfigPath): RoutePlan {
  const overrides: ExtProcOverridesJson = json.overrides ?? {}
  const { grpcService, processingMode, metadataOptions } = overrides
  const at = path.field('overrides')
  return {
    disabled: json.disabled ?? false,
    service:
      grpcService === undefined
        ? undefined
        : compileGrpcService(grpcService, METHOD, 0, context, at.field('grpc_service')),
    initialMetadata: compileGrpcMetadata(
      overrides.grpcInitialMetadata ?? [],
      context,
      at.field('grpc_initial_metadata'),
    ),
    mode: processingMode === undefined ? undefined : checkedMode(processingMode, context, at.field('processing_mode')),
    failureModeAllow: overrides.failureModeAllow,
    metadata: metadataOptions === undefined ? undefined : metadataPlan(metadataOptions),
  }
}

function metadataPlan(json: MetadataOptionsJson | undefined): MetadataPlan {
  return { forwarded: json?.forwardingNamespaces?.untyped ?? [], received: json?.receivingNamespaces?.untyped ?? [] }
}

function checkedMode(
  json: NonNullable<ExternalProcessorJson['processingMode']>,
  context: CompileContext,
  path: ConfigPath,
): ProcessingMode {
  const mode = compileMode(json)
  const check = (body: number, trailers: number, which: string): void => {
    if (body !== BodyFullDuplex || trailers === Send) return
    context.diagnostics.error(path.field(`${which}_body_mode`), `full duplex needs the ${which}'s trailers`, {
      expected: `${which}_trailer_mode: SEND`,
    })
  }
  check(mode.requestBodyMode, mode.requestTrailerMode, 'request')
  check(mode.responseBodyMode, mode.responseTrailerMode, 'response')
  return mode
}

function checkObservedMode(mode: ProcessingMode, context: CompileContext, path: ConfigPath): void {
  for (const body of [mode.requestBodyMode, mode.responseBodyMode]) {
    if (body === BodyNone || body === BodyStreamed) continue
    context.diagnostics.error(path, 'a processor that only observes gets bodies as they pass', {
      expected: 'body modes NONE or STREAMED',
    })
    return
  }
}

function routeCacheAction(json: ExternalProcessorJson, context: CompileContext, path: ConfigPath): RouteCacheAction {
  const action = json.routeCacheAction ?? 'DEFAULT'
  if (json.disableClearRouteCache !== true) return action
  if (action !== 'DEFAULT') {
    const at = path.field('disable_clear_route_cache')
    context.diagnostics.error(at, 'disable_clear_route_cache and route_cache_action exclude each other', {
      expected: 'route_cache_action alone',
    })
  }
  return 'RETAIN'
}

function forwardRules(json: ExternalProcessorJson, context: CompileContext, path: ConfigPath): StringPredicate {
  const { allowedHeaders, disallowedHeaders } = json.forwardRules ?? {}
  const allowed =
    allowedHeaders === undefined
      ? null
      : compileListStringMatcher(allowedHeaders, context, path.field('allowed_headers'))
  const disallowed =
    disallowedHeaders === undefined
      ? null
      : compileListStringMatcher(disallowedHeaders, context, path.field('disallowed_headers'))
  return name => (disallowed === null || !disallowed(name)) && (allowed === null || allowed(name))
}
