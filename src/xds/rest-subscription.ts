// Resources over REST: the server is asked again and again.
import {
  type ApiSourcePlan,
  durationMs,
  type Refusal,
  type Subscription,
  type SubscriptionRequest,
} from '../config/index.ts'
import { log } from '../observability/index.ts'
import { type AsyncRequest, type AsyncStreamOptions, type JsonPostCallbacks, postJson } from '../upstream/index.ts'
import { readDiscoveryBytes } from './discovery-file.ts'
import { sotwRequestJson } from './messages.ts'
import type { MuxEnvironment } from './mux.ts'
import { restPathOf, typeUrlOf } from './resource-types.ts'

const logger = log('config')
const DEFAULT_REQUEST_TIMEOUT_MS = 1000
const MAX_BODY_BYTES = 256 * 1024 * 1024
const OK = 200
const NOT_MODIFIED = 304

export class RestSubscription implements Subscription, JsonPostCallbacks {
  private readonly request: SubscriptionRequest
  private readonly environment: MuxEnvironment
  private readonly options: AsyncStreamOptions
  private readonly refreshMs: number
  private readonly path: string
  private readonly first = Promise.withResolvers<void>()
  private version = ''
  private pending: AsyncRequest | null = null
  private cancelTimer: (() => void) | null = null
  private cancelTimeout: (() => void) | null = null
  private stopped = false

  constructor(request: SubscriptionRequest, { api }: ApiSourcePlan, environment: MuxEnvironment) {
    this.request = request
    this.environment = environment
    this.path = restPathOf(request.typeName)
    this.refreshMs = durationMs(api.refreshDelay, 0)
    this.options = {
      cluster: api.clusterNames?.[0] ?? '',
      timeoutMs: durationMs(api.requestTimeout, DEFAULT_REQUEST_TIMEOUT_MS),
      retryPolicy: null,
    }
  }

  start(): Promise<void> {
    const { initialFetchTimeoutMs } = this.request.source
    if (initialFetchTimeoutMs > 0) {
      this.cancelTimeout = this.environment.schedule(initialFetchTimeoutMs, () => {
        this.request.owner.onFetchTimeout()
        this.settleFirst()
      })
    }
    this.fetch()
    return this.first.promise
  }

  stop(): void {
    this.stopped = true
    this.pending?.cancel()
    this.cancelTimer?.()
    this.settleFirst()
  }

  private settleFirst(): void {
    this.cancelTimeout?.()
    this.cancelTimeout = null
    this.first.resolve()
  }

  private fetch(): void {
    const { owner, names, typeName } = this.request
    owner.onAttempt()
    const body = sotwRequestJson({
      node: this.environment.node(),
      typeUrl: typeUrlOf(typeName),
      versionInfo: this.version,
      resourceNames: names ?? [],
      responseNonce: '',
      problem: null,
    })
    const pending = postJson(this.environment.client(), this.options, this.path, body, MAX_BODY_BYTES, this)
    if (this.cancelTimer === null) this.pending = pending
  }

  onAnswer(status: number, body: Buffer): void {
    if (status === OK) void this.take(body)
    else {
      if (status !== NOT_MODIFIED) this.fail(`status ${status}`)
      this.goOn()
    }
  }

  onNoAnswer(): void {
    this.fail('no answer')
    this.goOn()
  }

  private fail(problem: string): void {
    logger.warn('resources cannot be fetched', { cluster: this.options.cluster, path: this.path, problem })
    this.request.owner.onFailure()
  }

  /** A random part more than the delay, so that many proxies do not ask together. */
  private goOn(): void {
    this.pending = null
    if (this.stopped) return
    const { schedule, random } = this.environment
    this.cancelTimer = schedule(this.refreshMs * (1 + random()), () => {
      this.cancelTimer = null
      this.fetch()
    })
  }

  private async take(body: Buffer): Promise<void> {
    const { owner, typeName } = this.request
    const { reject, onUnknownField } = this.environment.unknownFields
    // The name ends as that of a file would, since that is how it is read.
    const name = `${this.options.cluster}${this.path}.json`
    const read = readDiscoveryBytes(name, body, typeName, { rejectUnknownFields: reject })
    if (read.kind === 'unreadable') this.fail(read.problem)
    else if (read.kind === 'invalid') this.settle(read.problem, '')
    else {
      for (const field of read.unknownFields) onUnknownField(field)
      const refusal = await owner.onResources(read.set)
      if (this.stopped) return
      this.settle(refusal, read.set.version)
    }
    this.goOn()
  }

  private settle(refusal: Refusal, version: string): void {
    const { owner } = this.request
    if (refusal === null) {
      this.version = version
      owner.onAccepted(version)
    } else {
      logger.warn('resources are refused', { path: this.path, problem: refusal })
      owner.onRejected()
    }
    this.settleFirst()
  }
}
