// A management server made with @grpc/grpc-js: it keeps what it is asked, and sends what a test sets or says.
import type { JsonValue } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import { jsonMessages } from './json-messages.ts'

const KINDS = {
  cluster: ['envoy.config.cluster.v3.Cluster', 'cluster', 'Clusters'],
  endpoints: ['envoy.config.endpoint.v3.ClusterLoadAssignment', 'endpoint', 'Endpoints'],
  listener: ['envoy.config.listener.v3.Listener', 'listener', 'Listeners'],
  routes: ['envoy.config.route.v3.RouteConfiguration', 'route', 'Routes'],
  secret: ['envoy.extensions.transport_sockets.tls.v3.Secret', 'secret', 'Secrets'],
  runtime: ['envoy.service.runtime.v3.Runtime', 'runtime', 'Runtime'],
} as const

export type XdsKind = keyof typeof KINDS

/** What the server was asked, in short. */
export interface XdsRequest {
  /** The gRPC method, without its package. */
  readonly method: string
  readonly kind: XdsKind
  readonly version: string
  readonly nonce: string
  /** Of the state of the world. */
  readonly names: readonly string[]
  readonly subscribe: readonly string[]
  readonly unsubscribe: readonly string[]
  readonly initialVersions: Readonly<Record<string, string>>
  /** Why the last response is refused; '': it is not. */
  readonly error: string
  readonly node: Readonly<Record<string, JsonValue>> | null
  /** Counts streams from 0. */
  readonly stream: number
}

type Json = Record<string, JsonValue>
type Call = grpc.ServerDuplexStream<Json, Json | Buffer>

interface State {
  readonly version: string
  readonly resources: readonly Json[]
}

/** One stream, and what its client has been told of each kind. */
interface Stream {
  readonly call: Call
  readonly number: number
  readonly delta: boolean
  readonly method: string
  readonly wants: Map<XdsKind, ReadonlySet<string> | null>
  readonly told: Map<XdsKind, string>
  readonly toldVersions: Map<XdsKind, Map<string, string>>
}

const typeUrl = (kind: XdsKind): string => `type.googleapis.com/${KINDS[kind][0]}`

function kindOf(url: string): XdsKind {
  return (Object.keys(KINDS) as XdsKind[]).find(kind => typeUrl(kind) === url) as XdsKind
}

const nameOf = (resource: Json): string => String(resource['name'] ?? resource['cluster_name'] ?? '')

export class XdsServer {
  readonly requests: XdsRequest[] = []
  readonly streams: Stream[] = []
  /** False: nothing is sent but what a test says. */
  answers = true
  /** Streams end at once with this status; 0: they do not. */
  refuseWith = 0
  port = 0
  private server: grpc.Server | null = null
  private readonly states = new Map<XdsKind, State>()
  private readonly waiting: { readonly test: () => boolean; readonly resolve: () => void }[] = []
  private lastNonce = 0

  static async start(port = 0): Promise<XdsServer> {
    const server = new XdsServer()
    await server.listen(port)
    return server
  }

  /** Listens, again after `kill` on the same port. */
  async listen(port = this.port): Promise<void> {
    const server = new grpc.Server({ 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 })
    this.server = server
    this.addMethod('discovery.v3.AggregatedDiscoveryService', 'StreamAggregatedResources', false)
    this.addMethod('discovery.v3.AggregatedDiscoveryService', 'DeltaAggregatedResources', true)
    for (const [, folder, plural] of Object.values(KINDS)) {
      const service = `${folder}.v3.${folder[0]!.toUpperCase()}${folder.slice(1)}DiscoveryService`
      this.addMethod(service, `Stream${plural}`, false)
      this.addMethod(service, `Delta${plural}`, true)
    }
    this.port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
  }

  private addMethod(service: string, method: string, delta: boolean): void {
    const form = delta ? 'DeltaDiscovery' : 'Discovery'
    const request = jsonMessages(`envoy.service.discovery.v3.${form}Request`)
    const response = jsonMessages(`envoy.service.discovery.v3.${form}Response`)
    const definition: grpc.MethodDefinition<Json, Json | Buffer> = {
      path: `/envoy.service.${service}/${method}`,
      requestStream: true,
      responseStream: true,
      requestSerialize: request.encode,
      requestDeserialize: bytes => request.decode(bytes) as Json,
      responseSerialize: message => (Buffer.isBuffer(message) ? message : response.encode(message)),
      responseDeserialize: bytes => response.decode(bytes) as Json,
    }
    this.server?.addService({ [method]: definition }, { [method]: (call: Call) => this.accept(call, method, delta) })
  }

  private accept(call: Call, method: string, delta: boolean): void {
    if (this.refuseWith !== 0) {
      this.streams.push({} as Stream)
      this.look()
      call.emit('error', { code: this.refuseWith, details: 'not today' })
      return
    }
    const stream: Stream = {
      call,
      number: this.streams.length,
      delta,
      method,
      wants: new Map(),
      told: new Map(),
      toldVersions: new Map(),
    }
    this.streams.push(stream)
    call.on('data', (message: Json) => this.onRequest(stream, message))
    call.on('end', () => call.end())
    call.on('error', () => undefined)
  }

  private onRequest(stream: Stream, message: Json): void {
    const kind = kindOf(String(message['type_url']))
    const strings = (field: string): string[] => (message[field] ?? []) as string[]
    const request: XdsRequest = {
      method: stream.method,
      kind,
      version: String(message['version_info'] ?? ''),
      nonce: String(message['response_nonce'] ?? ''),
      names: strings('resource_names'),
      subscribe: strings('resource_names_subscribe'),
      unsubscribe: strings('resource_names_unsubscribe'),
      initialVersions: (message['initial_resource_versions'] ?? {}) as Record<string, string>,
      error: String((message['error_detail'] as Json | undefined)?.['message'] ?? ''),
      node: (message['node'] ?? null) as Json | null,
      stream: stream.number,
    }
    this.requests.push(request)
    if (stream.delta) this.noteDelta(stream, request)
    else this.noteNames(stream, request)
    if (this.answers && request.error === '') this.push(stream, kind)
    this.look()
  }

  private look(): void {
    for (const { test, resolve } of this.waiting) if (test()) resolve()
  }

  private noteNames(stream: Stream, { kind, names }: XdsRequest): void {
    const before = stream.wants.get(kind)
    const wants = names.length === 0 ? null : new Set(names)
    const more = before !== undefined && before !== null && wants !== null && [...wants].some(name => !before.has(name))
    if (more) stream.told.delete(kind)
    stream.wants.set(kind, wants)
  }

  private noteDelta(stream: Stream, { kind, subscribe, unsubscribe, initialVersions }: XdsRequest): void {
    const known = stream.wants.get(kind)
    if (known === undefined) {
      stream.toldVersions.set(kind, new Map(Object.entries(initialVersions)))
      stream.wants.set(kind, subscribe.length === 0 ? null : new Set(subscribe))
      return
    }
    if (known === null) return
    const wants = new Set([...known, ...subscribe])
    for (const name of unsubscribe) {
      wants.delete(name)
      stream.toldVersions.get(kind)?.delete(name)
    }
    stream.wants.set(kind, wants)
  }

  /** What there is of a kind from now on; those who have asked for it are told. */
  set(kind: XdsKind, version: string, ...resources: readonly object[]): void {
    this.states.set(kind, { version, resources: resources as readonly Json[] })
    for (const stream of this.streams) if (stream.wants?.has(kind) && !stream.call.destroyed) this.push(stream, kind)
  }

  private push(stream: Stream, kind: XdsKind): void {
    const state = this.states.get(kind)
    const wants = stream.wants.get(kind)
    if (state === undefined || wants === undefined) return
    const resources = state.resources.filter(resource => wants === null || wants.has(nameOf(resource)))
    if (stream.delta) this.pushChanges(stream, kind, state.version, resources)
    else if (stream.told.get(kind) !== state.version && (wants === null || resources.length > 0)) {
      stream.told.set(kind, state.version)
      this.send(stream, kind, { version_info: state.version, resources: resources.map(any(kind)) })
    }
  }

  /** A resource may carry its own version, as `$version`. */
  private pushChanges(stream: Stream, kind: XdsKind, version: string, resources: readonly Json[]): void {
    const told = stream.toldVersions.get(kind) as Map<string, string>
    const changed = resources.filter(resource => told.get(nameOf(resource)) !== String(resource['$version'] ?? version))
    const names = new Set(resources.map(nameOf))
    const removed = [...told.keys()].filter(name => !names.has(name))
    if (changed.length === 0 && removed.length === 0) return
    for (const name of removed) told.delete(name)
    for (const resource of changed) told.set(nameOf(resource), String(resource['$version'] ?? version))
    this.send(stream, kind, {
      system_version_info: version,
      resources: changed.map(resource => {
        const { $version = version, ...body } = resource
        return { name: nameOf(resource), version: $version, resource: any(kind)(body) }
      }),
      removed_resources: removed,
    })
  }

  /** A response as a test says it; the rest of it is filled in. */
  send(stream: Stream, kind: XdsKind, response: object): void {
    const message = {
      type_url: typeUrl(kind),
      nonce: String(++this.lastNonce),
      control_plane: { identifier: 'scripted' },
      ...response,
    }
    // Without what is undefined.
    stream.call.write(JSON.parse(JSON.stringify(message)) as Json)
  }

  /** One resource with bytes behind it that are a field nobody knows; on the newest stream. */
  sendUnknown(kind: XdsKind, version: string, resource: object, field: Buffer): void {
    const value = Buffer.concat([jsonMessages(KINDS[kind][0]).encode(resource as Json), field])
    const tag = (number: number, bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from([(number << 3) | 2, (bytes.length & 0x7f) | 0x80, bytes.length >> 7]), bytes])
    const anyBytes = Buffer.concat([tag(1, Buffer.from(typeUrl(kind))), tag(2, value)])
    const parts = [
      tag(1, Buffer.from(version)),
      tag(2, anyBytes),
      tag(4, Buffer.from(typeUrl(kind))),
      tag(5, Buffer.from(String(++this.lastNonce))),
    ]
    this.latest.call.write(Buffer.concat(parts))
  }

  /** Bytes instead of a response, on the newest stream. */
  sendBytes(bytes: Buffer): void {
    this.latest.call.write(bytes)
  }

  get latest(): Stream {
    return this.streams[this.streams.length - 1] as Stream
  }

  of(kind: XdsKind): readonly XdsRequest[] {
    return this.requests.filter(request => request.kind === kind)
  }

  /** Resolves once that is so, looked at after each request. */
  until(test: () => boolean): Promise<void> {
    if (test()) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.waiting.push({ test, resolve })
    return promise
  }

  /** Waits until a version of a kind has been acknowledged. */
  acknowledged(kind: XdsKind, version: string): Promise<void> {
    return this.until(() => this.of(kind).some(request => request.version === version && request.error === ''))
  }

  /** Goes away without a word. */
  kill(): void {
    this.server?.forceShutdown()
    this.server = null
  }
}

/** A resource as an Any. */
export function any(kind: XdsKind): (resource: object) => Json {
  return resource => ({ '@type': typeUrl(kind), ...resource })
}
