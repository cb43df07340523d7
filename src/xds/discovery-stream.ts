// One gRPC stream to a server of resources, which is opened again whenever it breaks.
import { Clock, TokenBucket } from '../base/index.ts'
import { log } from '../observability/index.ts'
import {
  type AsyncClient,
  type GrpcCallOptions,
  GrpcStream,
  type GrpcStreamCallbacks,
  type Schedule,
} from '../upstream/index.ts'
import { Backoff, type BackoffSettings } from './backoff.ts'
import type { ControlPlaneStats } from './control-plane-stats.ts'

const logger = log('config')
const GRPC_OK = 0

export interface StreamEnvironment {
  /** Main's own; made when something needs it. */
  client(): AsyncClient
  readonly schedule: Schedule
  readonly random: () => number
}

export interface StreamPlan {
  readonly call: GrpcCallOptions
  readonly backoff: BackoffSettings
  /** Requests per second and at once; null: no limit. */
  readonly rateLimit: { readonly maxTokens: number; readonly fillRate: number } | null
}

export interface StreamOwner {
  /** A stream has begun: nothing has been asked on it. */
  onStreamOpen(): void
  /** The bytes belong to the owner. */
  onStreamMessage(message: Buffer): void
  /** It is over; another one follows. */
  onStreamClosed(): void
}

export class DiscoveryStream implements GrpcStreamCallbacks {
  private readonly environment: StreamEnvironment
  private readonly plan: StreamPlan
  private readonly stats: ControlPlaneStats
  private readonly owner: StreamOwner
  private readonly backoff: Backoff
  private readonly clock = new Clock()
  private readonly bucket: TokenBucket | null
  private readonly waiting: Uint8Array[] = []
  private stream: GrpcStream | null = null
  private cancelTimer: (() => void) | null = null
  private cancelDrain: (() => void) | null = null
  private stopped = false
  private held = false
  /** Nothing has come since the last stream broke. */
  private failing = false

  constructor(environment: StreamEnvironment, plan: StreamPlan, stats: ControlPlaneStats, owner: StreamOwner) {
    this.environment = environment
    this.plan = plan
    this.stats = stats
    this.owner = owner
    this.backoff = new Backoff(plan.backoff, environment.random)
    const { rateLimit } = plan
    this.bucket =
      rateLimit === null
        ? null
        : new TokenBucket({ maxTokens: rateLimit.maxTokens, tokensPerFill: rateLimit.fillRate, fillIntervalMs: 1000 })
  }

  open(): void {
    this.cancelTimer = null
    if (this.stopped) return
    const stream = GrpcStream.open(this.environment.client(), this.plan.call, this)
    if (stream.closed) return
    this.stream = stream
    this.stats.connected(true)
    this.owner.onStreamOpen()
  }

  get isOpen(): boolean {
    return this.stream !== null
  }

  send(request: Uint8Array): void {
    if (this.stream === null) return
    this.waiting.push(request)
    this.drain()
  }

  private drain(): void {
    const { bucket, waiting } = this
    while (waiting.length > 0) {
      if (bucket !== null && !bucket.tryTake(this.clock)) {
        if (this.cancelDrain !== null) break
        this.stats.rateLimited()
        this.cancelDrain = this.environment.schedule(Math.ceil(bucket.msToNextToken(this.clock.update())), () => {
          this.cancelDrain = null
          this.drain()
        })
        break
      }
      this.stream?.send(waiting.shift() as Uint8Array)
    }
    this.stats.pending(waiting.length)
  }

  onGrpcMessage(message: Buffer): void {
    this.backoff.reset()
    this.failing = false
    this.owner.onStreamMessage(Buffer.from(message))
  }

  onGrpcClose(status: number, message: string, details: string): void {
    const facts = { cluster: this.plan.call.cluster, status, message: plain(message), details }
    // Once is enough where it goes on like that.
    if (status === GRPC_OK || this.failing) logger.debug('a stream of resources is closed', facts)
    else logger.warn('a stream of resources is closed', facts)
    this.failing = true
    this.lose()
  }

  /** What came makes no sense: begins anew. */
  reset(reason: string): void {
    logger.warn('a stream of resources is given up', { cluster: this.plan.call.cluster, reason })
    this.stream?.cancel()
    this.lose()
  }

  private lose(): void {
    this.forget()
    if (this.stopped) return
    this.owner.onStreamClosed()
    this.cancelTimer = this.environment.schedule(this.backoff.nextMs(), () => this.open())
  }

  /** Nothing is read for the time being. */
  hold(yes: boolean): void {
    if (this.held === yes) return
    this.held = yes
    this.stream?.readDisable(yes)
  }

  private forget(): void {
    this.stream = null
    this.held = false
    this.waiting.length = 0
    this.cancelDrain?.()
    this.cancelDrain = null
    this.stats.connected(false)
    this.stats.pending(0)
  }

  stop(): void {
    this.stopped = true
    this.cancelTimer?.()
    this.stream?.close()
    this.forget()
  }

  onGrpcAboveWriteBufferHighWatermark(): void {
    // Requests are small, and each answers a response or a change of what is wanted: they are never held back.
  }

  onGrpcBelowWriteBufferLowWatermark(): void {}
}

/** A grpc-message without its percent signs, if it is a proper one. */
function plain(message: string): string {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}
