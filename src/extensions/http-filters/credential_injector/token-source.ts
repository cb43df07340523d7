import { Timer, type TimerOwner } from '../../../base/index.ts'
import { readOAuthTokens, type TokenAnswer } from '../../../http/index.ts'
import { type StatBlock, statTemplate } from '../../../observability/index.ts'
import type { AsyncRequestCallbacks, AsyncResponse, UpstreamThread } from '../../../upstream/index.ts'
import type { ClientCredentials } from './client-credentials.ts'

const STATS = statTemplate({
  counters: [
    'token_fetch_failed_on_bad_response_code',
    'token_fetch_failed_on_bad_token',
    'token_fetch_failed_on_client_secret',
    'token_fetch_failed_on_cluster_not_found',
    'token_fetch_failed_on_stream_reset',
    'token_fetched',
    'token_requested',
  ],
})
const BAD_RESPONSE_CODE = STATS.slot('token_fetch_failed_on_bad_response_code')
const BAD_TOKEN = STATS.slot('token_fetch_failed_on_bad_token')
const STREAM_RESET = STATS.slot('token_fetch_failed_on_stream_reset')
const FETCHED = STATS.slot('token_fetched')
const REQUESTED = STATS.slot('token_requested')

const MAX_RESPONSE_BYTES = 65_536
const OK = 200

/** Ends with whoever uses the source: a listener that is gone fetches no more tokens. */
class NextFetch implements TimerOwner {
  private readonly source: WeakRef<TokenSource>
  private readonly thread: UpstreamThread

  constructor(source: TokenSource, thread: UpstreamThread) {
    this.source = new WeakRef(source)
    this.thread = thread
  }

  onTimer(): void {
    const { buffers } = this.thread
    buffers.enter()
    this.source.deref()?.fetch()
    buffers.leave()
  }
}

/** The token of one thread: fetched anew at half its life, and again and again while that fails. */
export class TokenSource implements AsyncRequestCallbacks {
  private readonly credentials: ClientCredentials
  private readonly thread: UpstreamThread
  private readonly stats: StatBlock
  private readonly timer: Timer
  private token = ''
  private staleAtMs = 0

  constructor(credentials: ClientCredentials, thread: UpstreamThread, statPrefix: string) {
    this.credentials = credentials
    this.thread = thread
    this.stats = thread.stats.block(`${statPrefix}oauth2.`, STATS)
    this.timer = new Timer(new NextFetch(this, thread), 0)
  }

  current(nowMs: number): string | null {
    return nowMs < this.staleAtMs ? this.token : null
  }

  fetch(): void {
    this.count(REQUESTED)
    this.credentials.service.post(this.thread, this.credentials.form(), '', MAX_RESPONSE_BYTES, this)
  }

  onAsyncResponse({ headers: { status }, body }: AsyncResponse): void {
    this.settle(readOAuthTokens(status, body, 0), status === OK ? BAD_TOKEN : BAD_RESPONSE_CODE)
  }

  onAsyncFailure(): void {
    this.settle({ reason: 'no answer', details: '' }, STREAM_RESET)
  }

  private settle(answer: TokenAnswer, failure: number): void {
    const { timers, clock } = this.thread
    if ('reason' in answer) {
      this.count(failure)
      timers.arm(this.timer, this.credentials.retryMs)
      return
    }
    const lifetimeMs = answer.lifetimeS * 1000
    this.count(FETCHED)
    this.token = `Bearer ${answer.accessToken}`
    this.staleAtMs = clock.now + lifetimeMs
    timers.arm(this.timer, lifetimeMs / 2)
  }

  private count(which: number): void {
    this.stats.cells[which]! += 1
  }
}
