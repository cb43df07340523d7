// HOT FILE (docs/hot-path.md): a session comes back to the host that it began with.
import { FilterContinue, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import type { SessionState } from './session-state.ts'

export interface SessionSettings {
  /** Null: no session here. */
  readonly state: SessionState | null
  /** The session's host or none. */
  readonly strict: boolean
}

export class StatefulSessionFilter extends HttpFilter {
  private readonly own: SessionSettings
  private state: SessionState | null = null
  private asked: string | null = null
  /** As it came: the route's rewrite may change it before the response is here. */
  private path = ''

  constructor(settings: SessionSettings) {
    super()
    this.own = settings
  }

  override decodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { state, strict } = (this.routePlan() as SessionSettings | null) ?? this.own
    if (state === null) return FilterContinue
    this.state = state
    this.path = headers.path
    const { info, thread } = this.callbacks
    this.asked = state.read(headers, thread.clock.wallMs())
    if (this.asked === null) return FilterContinue
    info.upstreamOverrideHost = this.asked
    info.upstreamOverrideHostStrict = strict
    return FilterContinue
  }

  override encodeHeaders(headers: HeaderMap): HttpFilterStatus {
    const { info, thread } = this.callbacks
    if (this.state !== null && info.upstreamHostAddress !== null) {
      this.state.write(headers, this.path, info.upstreamHostAddress, this.asked, thread.clock.wallMs())
    }
    return FilterContinue
  }
}
