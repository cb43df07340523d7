// HOT FILE (docs/hot-path.md): one function of a script, run for one direction of one stream: it starts with the headers,
// waits where the script asks for what is not there yet, and goes on when that has come (Envoy: StreamHandleWrapper).
import {
  type BodyBuffer,
  CONTENT_LENGTH,
  FilterContinue,
  type FilterDirection,
  FilterStop,
  FilterStopAndBuffer,
  FilterStopAndWatermark,
  type HeaderMap,
  type HttpFilterStatus,
} from '../../../http/index.ts'
import type { ImportedKey } from './api/crypto.ts'
import type { PendingCall } from './api/http-call.ts'
import { BUFFER, HANDLE } from './api/objects.ts'
import { HeaderLines } from './header-lines.ts'
import type { LuaFilter } from './lua-filter.ts'
import { LUA_OK, LUA_YIELD } from './vm/lua-exports.ts'
import type { LuaMachine, LuaThread } from './vm/machine.ts'

/** Running, or at its end. */
export const Running = 0
export const WaitForBodyChunk = 1
export const WaitForBody = 2
export const WaitForTrailers = 3
export const WaitForCall = 4
export const Responded = 5
export type Waiting = 0 | 1 | 2 | 3 | 4 | 5

/** Which header map an object is about. */
export const OWN_HEADERS = 0
export const TRAILERS = 1
export const REQUEST_HEADERS = 2

/** Which bytes. */
export const WHOLE_BODY = 0
export const CHUNK = 1

const NONE = Buffer.alloc(0)
let tags = 0
export const nextTag = (): number => (tags = (tags + 1) | 0)

export interface ScriptReply {
  readonly status: number
  readonly body: string
  readonly headers: readonly (readonly [string, string])[]
}

export class ScriptRun {
  readonly filter: LuaFilter
  readonly machine: LuaMachine
  readonly isRequest: boolean
  /** Tags the handle. */
  readonly id = nextTag()
  /** Tags everything else, until the script waits. */
  slice = 0
  state: Waiting = Running
  endStream: boolean
  headersContinued = false
  bufferedBody = false
  sawBody = false
  /** body() was asked for an object in any case. */
  wrapsEmptyBody = false
  /** At its end, failed or given up: nothing of it comes any more. */
  over = false
  call: PendingCall | null = null
  reply: ScriptReply | null = null
  /** Public keys that the script has imported. */
  keys: ImportedKey[] | null = null
  private thread: LuaThread | null
  private inside = false
  private readonly headers: HeaderLines
  private trailers: HeaderLines | null = null
  private requestHeaders: HeaderLines | null = null
  private chunk: Buffer = NONE
  private chunkStart = 0
  private chunkEnd = 0

  constructor(filter: LuaFilter, machine: LuaMachine, isRequest: boolean, headers: HeaderMap, endStream: boolean) {
    this.filter = filter
    this.machine = machine
    this.isRequest = isRequest
    this.headers = new HeaderLines(headers)
    this.endStream = endStream
    this.thread = machine.newThread()
  }

  /** The coroutine it runs in. */
  get luaState(): number {
    return this.thread === null ? 0 : this.thread.state
  }

  private get direction(): FilterDirection {
    const { callbacks } = this.filter
    return this.isRequest ? callbacks.decoding : callbacks.encoding
  }

  // ---- the message's parts

  start(fn: bigint): HttpFilterStatus {
    const { machine, luaState } = this
    machine.pushFunction(luaState, fn)
    machine.pushObject(luaState, HANDLE, this.id, 0)
    this.go(1)
    const stays = this.state === WaitForBody || this.state === WaitForCall || this.state === Responded
    if (stays) return FilterStop
    this.headersContinued = true
    return FilterContinue
  }

  onData(data: Buffer, start: number, end: number, endStream: boolean): HttpFilterStatus {
    this.endStream = endStream
    this.sawBody = true
    if (this.state === WaitForBodyChunk) this.onChunk(data, start, end)
    else if (endStream && this.state === WaitForBody) this.onBodyEnd(data, start, end)
    else if (endStream && this.state === WaitForTrailers) this.go(0)
    if (this.state === WaitForCall) return FilterStopAndWatermark
    if (this.state === WaitForBody) return FilterStopAndBuffer
    if (this.state === Responded) return FilterStop
    this.headersContinued = true
    return FilterContinue
  }

  private onChunk(data: Buffer, start: number, end: number): void {
    this.chunk = data
    this.chunkStart = start
    this.chunkEnd = end
    this.goWithObject(BUFFER, CHUNK)
    this.chunk = NONE
  }

  /** The last piece joins the ones before it. */
  private onBodyEnd(data: Buffer, start: number, end: number): void {
    const { direction } = this
    direction.addData(this.filter, data, start, end)
    if (this.over) return
    direction.replaceData(NONE, 0, 0)
    this.goWithBody()
  }

  onTrailers(trailers: HeaderMap): HttpFilterStatus {
    this.endStream = true
    this.trailers = new HeaderLines(trailers)
    if (this.state === WaitForBodyChunk) this.go(0)
    else if (this.state === WaitForBody) this.goWithBody()
    if (this.state === WaitForTrailers) this.goWithObject(1, TRAILERS)
    if (this.state === WaitForCall || this.state === Responded) return FilterStop
    this.headersContinued = true
    return FilterContinue
  }

  /** The call that it waits for has been answered: `push` puts the results on the stack. */
  onCallComplete(push: (machine: LuaMachine, state: number) => number): void {
    this.call = null
    if (this.over) return
    this.slice = nextTag()
    this.goOn(push(this.machine, this.luaState))
    this.filter.afterCall(this)
  }

  private goWithBody(): void {
    if (this.held === null && !this.wrapsEmptyBody) this.go(0)
    else this.goWithObject(BUFFER, WHOLE_BODY)
  }

  // ---- running

  private goWithObject(kind: number, detail: number): void {
    this.slice = nextTag()
    this.machine.pushObject(this.luaState, kind, this.slice, detail)
    this.goOn(1)
  }

  private go(args: number): void {
    this.slice = nextTag()
    this.goOn(args)
  }

  private goOn(args: number): void {
    const { machine, thread } = this
    if (thread === null) return
    const outer = machine.owner
    machine.owner = this
    this.state = Running
    this.inside = true
    const status = machine.resume(thread, args)
    this.inside = false
    machine.owner = outer
    this.headers.iterating = false
    if (this.over) {
      // The stream ended meanwhile.
      this.drop(thread)
    } else if (status === LUA_OK) {
      this.end()
      machine.release(thread)
    } else if (status !== LUA_YIELD) this.fail(thread, machine.error)
    else if ((this.state as Waiting) === Running) this.fail(thread, 'script performed an unexpected yield')
  }

  private end(): void {
    this.over = true
    this.thread = null
    this.state = Running
  }

  private drop(thread: LuaThread): void {
    this.end()
    this.machine.abandon(thread)
  }

  private fail(thread: LuaThread, error: string): void {
    this.drop(thread)
    this.filter.onScriptError(error)
  }

  /** The stream is over, or something else was answered. */
  giveUp(): void {
    this.call?.cancel()
    this.call = null
    this.over = true
    if (!this.inside && this.thread !== null) this.drop(this.thread)
  }

  // ---- what its objects are about

  linesAt(which: number): HeaderLines {
    if (which === TRAILERS) return this.trailers as HeaderLines
    if (which === OWN_HEADERS) return this.headers
    this.requestHeaders ??= new HeaderLines(this.filter.callbacks.requestHeaders as HeaderMap)
    return this.requestHeaders
  }

  get hasTrailers(): boolean {
    return this.trailers !== null
  }

  /** Headers may be changed until they have gone on; of a request that may change its route. */
  mayChange(lines: HeaderLines): boolean {
    if (lines !== this.headers) return true
    if (this.headersContinued) return false
    if (this.isRequest) this.filter.onRequestHeadersChanged()
    return true
  }

  setReasonPhrase(phrase: string): void {
    if (!this.isRequest) this.headers.map.reasonPhrase = phrase
  }

  private get held(): BodyBuffer | null {
    return this.direction.held(this.filter)
  }

  /** body() has something to give without waiting. */
  get hasBody(): boolean {
    return this.held !== null || this.wrapsEmptyBody
  }

  bytesOf(which: number): Uint8Array {
    if (which === CHUNK) return this.chunk.subarray(this.chunkStart, this.chunkEnd)
    return this.held?.toBuffer() ?? NONE
  }

  setBytes(which: number, bytes: Buffer): void {
    if (which === CHUNK) {
      this.chunk = bytes
      this.chunkStart = 0
      this.chunkEnd = bytes.length
      this.direction.replaceData(bytes, 0, bytes.length)
      return
    }
    this.setBody(bytes)
    if (!this.headersContinued) this.headers.map.set(CONTENT_LENGTH, String(bytes.length))
  }

  private setBody(bytes: Buffer): void {
    const { held } = this
    if (held === null) this.direction.addData(this.filter, bytes, 0, bytes.length)
    else {
      held.clear()
      held.append(bytes, 0, bytes.length)
    }
  }
}
