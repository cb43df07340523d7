// A server of resources on the other side of a fake client, and a clock that stands still.
import type { DiscoveredSet, Refusal, SubscriptionOwner, SubscriptionRequest } from '../config/index.ts'
import { messageCodec } from '../config/index.ts'
import { StatStore } from '../observability/index.ts'
import type { AsyncClient, AsyncStream, AsyncStreamCallbacks } from '../upstream/index.ts'
import { ControlPlaneStats } from './control-plane-stats.ts'
import { DeltaMux } from './delta-mux.ts'
import type { StreamPlan } from './discovery-stream.ts'
import type { MuxEnvironment } from './mux.ts'
import { typeUrlOf } from './resource-types.ts'

export { typeUrlOf as typeUrl } from './resource-types.ts'

import { SotwMux } from './sotw-mux.ts'

export const CLUSTER = 'envoy.config.cluster.v3.Cluster'
export const ENDPOINTS = 'envoy.config.endpoint.v3.ClusterLoadAssignment'
const FRAME_HEADER = 5

/** A request as it is decoded. */
export interface Asked {
  readonly typeUrl: string
  readonly versionInfo?: string
  readonly responseNonce: string
  readonly resourceNames?: readonly string[]
  readonly resourceNamesSubscribe?: readonly string[]
  readonly resourceNamesUnsubscribe?: readonly string[]
  readonly initialResourceVersions?: Readonly<Record<string, string>>
  readonly node?: { readonly id: string }
  readonly errorDetail?: { readonly message: string }
}

/** Timers that a test runs down. */
export class Timers {
  now = 0
  private readonly due: { readonly atMs: number; readonly callback: () => void }[] = []

  readonly schedule = (ms: number, callback: () => void): (() => void) => {
    const timer = { atMs: this.now + ms, callback }
    this.due.push(timer)
    return () => {
      const at = this.due.indexOf(timer)
      if (at >= 0) this.due.splice(at, 1)
    }
  }

  get waiting(): number {
    return this.due.length
  }

  async advance(ms: number): Promise<void> {
    const until = this.now + ms
    for (;;) {
      const next = this.due.filter(({ atMs }) => atMs <= until).sort((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined) break
      this.due.splice(this.due.indexOf(next), 1)
      this.now = next.atMs
      next.callback()
      await settled()
    }
    this.now = until
  }
}

/** Whatever promises had to do is done. */
export const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

export class FakeServer implements AsyncClient {
  readonly asked: Asked[] = []
  opened = 0
  /** Nobody is there. */
  away = false
  /** How often the newest stream is not to be read. */
  held = 0
  private readonly delta: boolean
  private callbacks: AsyncStreamCallbacks | null = null
  private nonce = 0

  constructor(delta: boolean) {
    this.delta = delta
  }

  start(_: unknown, __: unknown, ___: boolean, callbacks: AsyncStreamCallbacks): AsyncStream {
    this.opened++
    this.callbacks = callbacks
    this.held = 0
    const codec = messageCodec(`envoy.service.discovery.v3.${this.delta ? 'Delta' : ''}DiscoveryRequest`)
    if (this.away) callbacks.onAsyncReset()
    return {
      sendData: (data, from, to) => this.asked.push(codec.decode(data.subarray(from + FRAME_HEADER, to)) as Asked),
      sendTrailers: () => undefined,
      readDisable: disable => {
        this.held += disable ? 1 : -1
      },
      responseCodeDetails: '',
      cancel: () => undefined,
    }
  }

  /** `resources`: JSON of one type, or bytes that are no such thing. */
  state(type: string, version: string, ...resources: readonly (object | Buffer)[]): void {
    const anys = resources.map(resource => ({ typeUrl: typeUrlOf(type), value: encoded(type, resource) }))
    this.say({ versionInfo: version, typeUrl: typeUrlOf(type), resources: anys })
  }

  say(response: object): void {
    const codec = messageCodec(`envoy.service.discovery.v3.${this.delta ? 'Delta' : ''}DiscoveryResponse`)
    this.bytes(codec.encode({ nonce: String(++this.nonce), ...response }))
  }

  bytes(message: Uint8Array): void {
    const frame = Buffer.alloc(FRAME_HEADER + message.length)
    frame.writeUInt32BE(message.length, 1)
    frame.set(message, FRAME_HEADER)
    this.callbacks?.onAsyncData(frame, 0, frame.length, false)
  }

  drop(): void {
    this.callbacks?.onAsyncReset()
  }
}

export function encoded(type: string, resource: object | Buffer): Uint8Array {
  if (Buffer.isBuffer(resource)) return resource
  const codec = messageCodec(type)
  return codec.encode(codec.fromJson(resource))
}

/** Keeps what it gets, and refuses what a test wants. */
export class Owner implements SubscriptionOwner {
  readonly sets: DiscoveredSet[] = []
  readonly events: string[] = []
  answer: Refusal | Promise<Refusal> = null

  onResources(set: DiscoveredSet): Refusal | Promise<Refusal> {
    this.sets.push(set)
    return this.answer
  }

  get names(): readonly string[] {
    return this.sets[this.sets.length - 1]?.resources.map(({ name }) => name) ?? []
  }

  onAttempt(): void {
    this.events.push('attempt')
  }

  onAccepted(version: string): void {
    this.events.push(`accepted ${version}`)
  }

  onRejected(): void {
    this.events.push('rejected')
  }

  onFailure(): void {
    this.events.push('failure')
  }

  onFetchTimeout(): void {
    this.events.push('timeout')
  }
}

export interface TestMux {
  readonly mux: SotwMux | DeltaMux
  readonly server: FakeServer
  readonly timers: Timers
  readonly stats: StatStore
  subscribe(
    type: string,
    names: readonly string[] | null,
  ): { readonly owner: Owner; stop(): void; first: Promise<void> | null }
}

export interface TestMuxOptions {
  readonly delta?: boolean
  readonly nodeOnce?: boolean
  readonly rateLimit?: StreamPlan['rateLimit']
}

/** A stream to a fake server; random numbers are all a half. */
export function testMux({ delta = false, nodeOnce = false, rateLimit = null }: TestMuxOptions = {}): TestMux {
  const server = new FakeServer(delta)
  const timers = new Timers()
  const stats = new StatStore()
  const environment: MuxEnvironment = {
    client: () => server,
    schedule: timers.schedule,
    random: () => 0.5,
    unknownFields: { reject: false, onUnknownField: () => undefined },
    node: () => messageCodec('envoy.config.core.v3.Node').fromJson({ id: 'me' }),
  }
  const call = {
    cluster: 'xds',
    authority: '',
    path: '/a/b',
    timeoutMs: 0,
    initialMetadata: [],
    maxResponseBytes: 1_000_000,
  }
  const plan: StreamPlan = { call, backoff: { baseMs: 100, maxMs: 1000 }, rateLimit }
  const mux = new (delta ? DeltaMux : SotwMux)(environment, plan, nodeOnce, new ControlPlaneStats(stats, ''))
  return {
    mux,
    server,
    timers,
    stats,
    subscribe(typeName, names) {
      const owner = new Owner()
      const source = { kind: 'ads', key: 'ads', initialFetchTimeoutMs: 15_000 } as const
      const request: SubscriptionRequest = { source, typeName, names, statPrefix: '', owner }
      const subscription = mux.subscribe(request)
      return { owner, first: subscription.start(), stop: () => subscription.stop() }
    },
  }
}
