// HOT FILE (docs/hot-path.md): the filter's own mutations, then those of every level above the route.
import { FilterContinue, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import type { FormatContext } from '../../../observability/index.ts'
import type { Mutations } from './mutations.ts'

const NONE: readonly Mutations[] = []

export interface HeaderMutationSettings {
  readonly own: Mutations
  readonly mostSpecificWins: boolean
}

export class HeaderMutationFilter extends HttpFilter {
  private readonly settings: HeaderMutationSettings
  /** Found at the first use: a response may come without its request having passed here. */
  private levels: readonly Mutations[] | null = null

  constructor(settings: HeaderMutationSettings) {
    super()
    this.settings = settings
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const context = this.context(headers, null, null)
    const { own } = this.settings
    mutateRequest(own, headers, context)
    const levels = this.routeLevels()
    if (this.settings.mostSpecificWins)
      for (let i = 0; i < levels.length; i++) mutateRequest(levels[i]!, headers, context)
    else for (let i = levels.length - 1; i >= 0; i--) mutateRequest(levels[i]!, headers, context)
    return FilterContinue
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    this.applyEach('requestTrailers', trailers, this.context(this.callbacks.requestHeaders, null, null))
    return FilterContinue
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    this.applyEach('response', headers, this.context(this.callbacks.requestHeaders, headers, null))
    return FilterContinue
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    const { requestHeaders, responseHeaders } = this.callbacks
    this.applyEach('responseTrailers', trailers, this.context(requestHeaders, responseHeaders, trailers))
    return FilterContinue
  }

  private applyEach(
    kind: 'response' | 'requestTrailers' | 'responseTrailers',
    headers: HeaderMap,
    context: FormatContext,
  ): void {
    this.settings.own[kind].apply(headers, context)
    const levels = this.routeLevels()
    if (this.settings.mostSpecificWins) for (let i = 0; i < levels.length; i++) levels[i]![kind].apply(headers, context)
    else for (let i = levels.length - 1; i >= 0; i--) levels[i]![kind].apply(headers, context)
  }

  private routeLevels(): readonly Mutations[] {
    return (this.levels ??= (this.routePlans() as readonly Mutations[] | null) ?? NONE)
  }

  private context(request: HeaderMap | null, response: HeaderMap | null, trailers: HeaderMap | null): FormatContext {
    return {
      requestHeaders: request,
      responseHeaders: response,
      responseTrailers: trailers,
      info: this.callbacks.info,
    }
  }
}

function mutateRequest(mutations: Mutations, headers: HeaderMap, context: FormatContext): void {
  mutations.request.apply(headers, context)
  if (!mutations.query.isEmpty && headers.hasPath) mutations.query.apply(headers, context)
}
