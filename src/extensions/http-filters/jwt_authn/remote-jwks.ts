// Keys from a URL: fetched once for all who wait, kept for a while, fetched ahead where that is configured.
import type { RemoteJwksJson } from '#api/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts'
import { Timer, type TimerOwner } from '../../../base/index.ts'
import { type CompileContext, type ConfigPath, durationMs } from '../../../config/index.ts'
import { HeaderMap, HOST, USER_AGENT, X_ENVOY_INTERNAL, X_FORWARDED_FOR } from '../../../http/index.ts'
import { ownAddress } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import {
  AsyncRequest,
  type AsyncRequestCallbacks,
  type AsyncResponse,
  type AsyncStreamOptions,
  checkServiceCluster,
  compileServiceRetryPolicy,
  type UpstreamThread,
} from '../../../upstream/index.ts'
import { Jwks } from './jwks.ts'
import type { JwksSource, JwksWaiter } from './jwks-source.ts'

/** As Envoy. */
const RETRY_ON = '5xx,gateway-error,connect-failure,reset'
const AGENT = 'Go-browser'
const MAX_BYTES = 1024 * 1024
const DEFAULT_CACHE_MS = 600_000
/** Fetched this long before what is there goes stale. */
const AHEAD_MS = 5000
const DEFAULT_REFETCH_MS = 1000

export interface JwksStats {
  readonly block: StatBlock
  readonly success: number
  readonly failed: number
}

export class RemoteJwks implements JwksSource, AsyncRequestCallbacks, TimerOwner {
  private readonly options: AsyncStreamOptions
  private readonly host: string
  private readonly path: string
  private readonly cacheMs: number
  private readonly ahead: boolean
  private readonly refetchMs: number
  private jwks: Jwks | null = null
  private staleAtMs = 0
  private retryAtMs = 0
  private fetching = false
  private waiters: JwksWaiter[] = []
  private thread: UpstreamThread | null = null
  private stats: JwksStats | null = null

  constructor(json: RemoteJwksJson, context: CompileContext, path: ConfigPath) {
    const uri = json.httpUri ?? {}
    const at = path.field('http_uri')
    checkServiceCluster(uri.cluster ?? '', context, at.field('cluster'))
    const { retryPolicy: retry } = json
    const retryPolicy =
      retry === undefined ? null : compileServiceRetryPolicy(retry, RETRY_ON, context, path.field('retry_policy'))
    this.options = { cluster: uri.cluster ?? '', timeoutMs: durationMs(uri.timeout, 0), retryPolicy }
    const parsed = URL.parse(uri.uri ?? '')
    if (parsed === null) context.diagnostics.error(at.field('uri'), 'is no URL', { found: uri.uri ?? '' })
    this.host = parsed?.host ?? ''
    this.path = `${parsed?.pathname ?? '/'}${parsed?.search ?? ''}`
    this.cacheMs = durationMs(json.cacheDuration, DEFAULT_CACHE_MS)
    this.ahead = json.asyncFetch !== undefined
    this.refetchMs = durationMs(json.asyncFetch?.failedRefetchDuration, DEFAULT_REFETCH_MS)
  }

  start(thread: UpstreamThread, stats: JwksStats): void {
    this.thread = thread
    this.stats = stats
    if (this.ahead) this.fetch()
  }

  get(waiter: JwksWaiter): Jwks | null {
    const { now } = (this.thread as UpstreamThread).clock
    if (this.jwks !== null && now < this.staleAtMs) return this.jwks
    // A set that could not be fetched just now is not asked for by every request.
    if (!this.fetching && now < this.retryAtMs) return this.jwks
    this.waiters.push(waiter)
    if (!this.fetching) this.fetch()
    return null
  }

  get isWaiting(): boolean {
    return this.fetching
  }

  forget(waiter: JwksWaiter): void {
    this.waiters = this.waiters.filter(one => one !== waiter)
  }

  private fetch(): void {
    this.fetching = true
    const headers = HeaderMap.acquire()
    headers.method = 'GET'
    headers.scheme = 'http'
    headers.path = this.path
    headers.append(HOST, this.host)
    headers.append(USER_AGENT, AGENT)
    headers.append(X_ENVOY_INTERNAL, 'true')
    headers.append(X_FORWARDED_FOR, ownAddress())
    AsyncRequest.send((this.thread as UpstreamThread).asyncClient, this.options, headers, null, MAX_BYTES, this)
  }

  onAsyncResponse({ headers, body }: AsyncResponse): void {
    const jwks = headers.status === 200 ? Jwks.parse(body.toString('utf8')) : 'was not answered'
    this.settle(typeof jwks === 'string' ? null : jwks)
  }

  onAsyncFailure(): void {
    this.settle(null)
  }

  private settle(jwks: Jwks | null): void {
    const thread = this.thread as UpstreamThread
    const { block, success, failed } = this.stats as JwksStats
    this.fetching = false
    block.cells[jwks === null ? failed : success]! += 1
    if (jwks === null) this.retryAtMs = thread.clock.now + this.refetchMs
    else {
      this.jwks = jwks
      this.staleAtMs = thread.clock.now + this.cacheMs
    }
    if (this.ahead) {
      const wait = jwks === null ? this.refetchMs : Math.max(this.cacheMs - AHEAD_MS, this.refetchMs)
      thread.timers.arm(new Timer(this, 0), wait)
    }
    const { waiters } = this
    this.waiters = []
    for (const waiter of waiters) waiter.onJwks(jwks)
  }

  onTimer(): void {
    const { buffers } = this.thread as UpstreamThread
    buffers.enter()
    if (!this.fetching) this.fetch()
    buffers.leave()
  }
}
