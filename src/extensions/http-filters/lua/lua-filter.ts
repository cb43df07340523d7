// HOT FILE (docs/hot-path.md): the Lua filter of one stream: a script's function for the request, one for the response.
import { FilterContinue, FilterStop, type HeaderMap, HttpFilter, type HttpFilterStatus } from '../../../http/index.ts'
import { scriptLog } from './api/log.ts'
import { addReplyHeaders } from './api/respond.ts'
import type { LuaScript } from './lua-script.ts'
import type { LuaPlan, LuaRoutePlan } from './plan.ts'
import { Responded, Running, type ScriptReply, ScriptRun } from './script-run.ts'

export class LuaFilter extends HttpFilter {
  readonly plan: LuaPlan
  private request: ScriptRun | null = null
  private response: ScriptRun | null = null

  constructor(plan: LuaPlan) {
    super()
    this.plan = plan
  }

  /** The script that the route asks for; null: none. */
  private script(): LuaScript | null {
    const route = this.routePlan() as LuaRoutePlan | null
    return route === null ? this.plan.defaultScript : this.plan.scriptOf(route)
  }

  get filterContext(): object {
    return (this.routePlan() as LuaRoutePlan | null)?.filterContext ?? this.plan.filterContext
  }

  // ---- requests

  override decodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const script = this.script()
    if (script === null || !script.hasRequestFunction()) return FilterContinue
    this.plan.countExecution()
    const run = new ScriptRun(this, script.machine(), true, headers, endStream)
    this.request = run
    return this.settled(run, run.start(script.requestFunction))
  }

  override decodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const run = this.request
    if (run === null || run.over) return FilterContinue
    return this.settled(run, run.onData(data, start, end, endStream))
  }

  override decodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    const run = this.request
    if (run === null || run.over) return FilterContinue
    return this.settled(run, run.onTrailers(trailers))
  }

  // ---- responses

  override encodeHeaders(headers: HeaderMap, endStream: boolean): HttpFilterStatus {
    const script = this.script()
    if (script === null || !script.hasResponseFunction()) return FilterContinue
    this.plan.countExecution()
    const run = new ScriptRun(this, script.machine(), false, headers, endStream)
    this.response = run
    return run.start(script.responseFunction)
  }

  override encodeData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    const run = this.response
    return run === null || run.over ? FilterContinue : run.onData(data, start, end, endStream)
  }

  override encodeTrailers(trailers: HeaderMap): HttpFilterStatus {
    const run = this.response
    return run === null || run.over ? FilterContinue : run.onTrailers(trailers)
  }

  // ---- what runs ask for

  /** A script that has answered by itself is through. */
  private settled(run: ScriptRun, status: HttpFilterStatus): HttpFilterStatus {
    if (run.state !== Responded) return status
    this.answer(run)
    return FilterStop
  }

  private answer(run: ScriptRun): void {
    const { status, body, headers } = run.reply as ScriptReply
    run.giveUp()
    this.callbacks.sendLocalReply(status, body, 'lua_response', reply => addReplyHeaders(reply, headers))
  }

  /** A call was answered and the script has gone on: what was held goes on too, unless it waits for something else. */
  afterCall(run: ScriptRun): void {
    if (run.state === Responded) this.answer(run)
    else if (run.state === Running) {
      run.headersContinued = true
      const { callbacks } = this
      if (run.isRequest) callbacks.continueDecoding(this)
      else callbacks.continueEncoding(this)
    }
  }

  onRequestHeadersChanged(): void {
    if (this.plan.clearRouteCache) this.callbacks.clearRouteCache()
  }

  /** As in Envoy, a script that fails does not hurt the message: it goes on. */
  onScriptError(error: string): void {
    this.plan.countError()
    scriptLog('error', error)
  }

  override onDestroy(): void {
    this.request?.giveUp()
    this.response?.giveUp()
  }
}
