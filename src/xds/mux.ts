// What both forms of the protocol share: subscriptions of several types over one stream, each response answered once.
import type { DiscoveredResource, DiscoveredSet, Refusal, Subscription, SubscriptionRequest } from '../config/index.ts'
import { log } from '../observability/index.ts'
import type { ControlPlaneStats } from './control-plane-stats.ts'
import { DiscoveryStream, type StreamEnvironment, type StreamOwner, type StreamPlan } from './discovery-stream.ts'
import { type DecodedResource, ResourceDecoder, type UnknownFields } from './resource-decoder.ts'
import { typeUrlOf } from './resource-types.ts'
import { TtlTimers } from './ttl-timers.ts'
import { Watch, type Watched } from './watch.ts'

const logger = log('config')
/** A server that sends again at once what was refused must not keep main busy (docs/xds.md). */
const FIRST_REFUSAL_DELAY_MS = 100
const MAX_REFUSAL_DELAY_MS = 5000
/** Responses that have not been looked at yet. */
const MAX_WAITING_RESPONSES = 16

export interface MuxEnvironment extends StreamEnvironment {
  readonly unknownFields: UnknownFields
  /** Who asks, from nodeMessage(). */
  node(): object
}

export interface Answer {
  readonly nonce: string
  /** Null: what came is in force. */
  readonly problem: string | null
}

interface AnyResponse {
  readonly typeUrl: string
  readonly nonce: string
  readonly controlPlane?: { readonly identifier: string }
}

/** What is known of one type. */
export class TypeState<Response> {
  readonly typeName: string
  readonly typeUrl: string
  readonly decoder: ResourceDecoder
  readonly ttl: TtlTimers
  readonly watches = new Set<Watch>()
  readonly inbox: Response[] = []
  /** Of the last response that was taken over. */
  version = ''
  busy = false
  /** Waits for its turn to be sent. */
  queued = false
  /** How many hold its requests back. */
  paused = 0
  refusals = 0
  cancelDelay: (() => void) | null = null

  constructor(typeName: string, environment: MuxEnvironment, onExpired: (name: string) => void) {
    this.typeName = typeName
    this.typeUrl = typeUrlOf(typeName)
    this.decoder = new ResourceDecoder(typeName, environment.unknownFields)
    this.ttl = new TtlTimers(environment.schedule, onExpired)
  }

  /** All names that are wanted, in the order in which they were; null: everything. */
  wanted(): readonly string[] | null {
    const names = new Set<string>()
    for (const watch of this.watches) {
      if (watch.names === null) return null
      for (const name of watch.names) names.add(name)
    }
    return [...names]
  }
}

export abstract class Mux<Response extends AnyResponse, State extends TypeState<Response>>
  implements StreamOwner, Watched
{
  protected readonly environment: MuxEnvironment
  protected readonly stream: DiscoveryStream
  /** In the order in which somebody first asked. */
  protected readonly states = new Map<string, State>()
  private readonly nodeOnce: boolean
  private readonly stats: ControlPlaneStats
  private readonly queue: State[] = []
  private flushing = false
  private opened = false
  private nodeSent = false
  /** Of the stream: answers belong to the one that the question came by. */
  private generation = 0

  /** `nodeOnce`: the server keeps in mind who asks. */
  constructor(environment: MuxEnvironment, plan: StreamPlan, nodeOnce: boolean, stats: ControlPlaneStats) {
    this.environment = environment
    this.nodeOnce = nodeOnce
    this.stats = stats
    this.stream = new DiscoveryStream(environment, plan, stats, this)
  }

  protected abstract newState(typeName: string): State
  /** Null: garbage. */
  protected abstract decode(bytes: Buffer): Response | null
  protected abstract apply(state: State, response: Response): Refusal | Promise<Refusal>
  protected abstract answer(state: State, answer: Answer): void
  /** What is to be said of a type now; nothing where all has been said. */
  protected abstract requests(state: State): readonly Uint8Array[]
  /** Nothing has been said yet on the new stream. */
  protected abstract startOver(state: State): void

  subscribe(request: SubscriptionRequest): Subscription {
    return new Watch(request, this, this.environment.schedule)
  }

  protected stateOf(typeName: string): State {
    let state = this.states.get(typeName)
    if (state === undefined) this.states.set(typeName, (state = this.newState(typeName)))
    return state
  }

  enter(watch: Watch): void {
    const state = this.stateOf(watch.typeName)
    state.watches.add(watch)
    if (!this.opened) {
      this.opened = true
      this.stream.open()
    } else this.enqueue(state)
  }

  leave(watch: Watch): void {
    const state = this.stateOf(watch.typeName)
    if (state.watches.delete(watch)) this.enqueue(state)
  }

  stop(): void {
    for (const { ttl, cancelDelay } of this.states.values()) {
      ttl.stop()
      cancelDelay?.()
    }
    this.stream.stop()
  }

  // ---- requests

  /** Holds back all that would be said of a type, until the function is called that comes back. */
  pause(typeName: string): () => void {
    const state = this.stateOf(typeName)
    state.paused++
    let held = true
    return () => {
      if (!held) return
      held = false
      if (--state.paused === 0 && state.queued) this.flushSoon()
    }
  }

  protected enqueue(state: State): void {
    if (!this.stream.isOpen) return
    if (!state.queued) {
      state.queued = true
      this.queue.push(state)
    }
    this.flushSoon()
  }

  /** Requests go out together at the end of what is being done, so that many changes make one request. */
  private flushSoon(): void {
    if (this.flushing) return
    this.flushing = true
    queueMicrotask(() => {
      this.flushing = false
      this.flush()
    })
  }

  private flush(): void {
    if (!this.stream.isOpen) return
    const ready = this.queue.filter(({ paused }) => paused === 0)
    for (const state of ready) {
      this.queue.splice(this.queue.indexOf(state), 1)
      state.queued = false
      for (const request of this.requests(state)) this.stream.send(request)
    }
  }

  /** For one request. */
  protected nodeForRequest(): object | undefined {
    if (this.nodeSent && this.nodeOnce) return undefined
    this.nodeSent = true
    return this.environment.node()
  }

  // ---- the stream

  onStreamOpen(): void {
    this.nodeSent = false
    this.queue.length = 0
    for (const state of this.states.values()) {
      state.queued = false
      this.startOver(state)
      if (state.watches.size > 0) this.enqueue(state)
    }
  }

  onStreamClosed(): void {
    this.generation++
    this.queue.length = 0
    for (const state of this.states.values()) {
      state.queued = false
      // What is not answered comes again on the next stream.
      state.inbox.length = 0
      state.cancelDelay?.()
      for (const watch of state.watches) watch.fail()
    }
  }

  onStreamMessage(bytes: Buffer): void {
    const response = this.decode(bytes)
    if (response === null) {
      this.stream.reset('a message is no response of this protocol')
      return
    }
    if (response.controlPlane !== undefined) this.stats.identifier(response.controlPlane.identifier)
    const state = [...this.states.values()].find(({ typeUrl }) => typeUrl === response.typeUrl)
    if (state === undefined || state.watches.size === 0) {
      logger.debug('a response that nobody has asked for', { type: response.typeUrl })
      return
    }
    state.inbox.push(response)
    this.holdIfBehind()
    if (!state.busy) void this.work(state)
  }

  /** One response after the other: what the first brings must be in force before the second is looked at. */
  private async work(state: State): Promise<void> {
    state.busy = true
    for (let response = state.inbox.shift(); response !== undefined; response = state.inbox.shift()) {
      const { generation } = this
      const problem = await this.apply(state, response)
      if (problem === null) state.refusals = 0
      else {
        logger.warn('resources are refused', { type: state.typeName, problem })
        if (++state.refusals > 1) await this.waitBeforeRefusing(state)
      }
      if (generation !== this.generation) continue
      this.answer(state, { nonce: response.nonce, problem })
      this.enqueue(state)
    }
    state.busy = false
    this.holdIfBehind()
  }

  private waitBeforeRefusing(state: State): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const ms = Math.min(FIRST_REFUSAL_DELAY_MS * 2 ** (state.refusals - 2), MAX_REFUSAL_DELAY_MS)
    const cancel = this.environment.schedule(ms, resolve)
    state.cancelDelay = () => {
      cancel()
      resolve()
    }
    return promise
  }

  /** A server that sends faster than its resources can be taken over is not read meanwhile. */
  private holdIfBehind(): void {
    let waiting = 0
    for (const { inbox } of this.states.values()) waiting += inbox.length
    this.stream.hold(waiting >= MAX_WAITING_RESPONSES)
  }

  // ---- resources

  /** Notes how long each resource is good for, and returns those that are more than a heartbeat. */
  protected noteTtl(state: State, decoded: readonly DecodedResource[]): readonly DecodedResource[] {
    for (const { name, ttlMs } of decoded) state.ttl.set(name, ttlMs)
    return decoded.filter(({ resource }) => resource !== null)
  }

  /** Hands to each watch what it has asked for; why any of them refuses it. */
  protected async deliver(state: State, set: DiscoveredSet): Promise<Refusal> {
    const byName = new Map<string, DiscoveredResource>()
    // Of two with one name the first counts.
    for (const resource of set.resources) if (!byName.has(resource.name)) byName.set(resource.name, resource)
    const removed = new Set(set.removed ?? [])
    const pending: (Refusal | Promise<Refusal>)[] = []
    for (const watch of [...state.watches]) {
      const own = watch.names === null ? set : ownPart(watch.names, set, byName, removed)
      if (own !== null) pending.push(watch.take(own))
    }
    const refusals = await Promise.all(pending)
    const problems = refusals.filter(refusal => refusal !== null)
    return problems.length === 0 ? null : problems.join('; ')
  }

  /** None of it can be used, and so it is for each watch. */
  protected refuseAll(state: State, problem: string): Refusal {
    for (const watch of state.watches) watch.refuse()
    return problem
  }

  /** What was given for a time has come to its end. */
  protected expire(typeName: string, name: string): void {
    const state = this.stateOf(typeName)
    logger.info('a resource has come to its end', { type: typeName, name })
    this.onExpired(state, name)
    void this.deliver(state, { version: state.version, resources: [], removed: [name], expired: true })
  }

  protected abstract onExpired(state: State, name: string): void
}

/** Null: nothing of it concerns whoever wants `names`. */
function ownPart(
  names: readonly string[],
  { version, removed: allRemoved, expired }: DiscoveredSet,
  byName: ReadonlyMap<string, DiscoveredResource>,
  removed: ReadonlySet<string>,
): DiscoveredSet | null {
  const resources = names.flatMap(name => byName.get(name) ?? [])
  const gone = names.filter(name => removed.has(name))
  if (resources.length === 0 && gone.length === 0) return null
  const own = { version, resources, removed: allRemoved === null ? null : gone }
  return expired === true ? { ...own, expired } : own
}
