import { grpcFrame } from '../../../http/index.ts'
import { LENGTH_DELIMITED, ProtobufReader } from '../wire/protobuf-reader.ts'
import type { CallEnd, GrpcCall, GrpcMethod } from './grpc-call.ts'
import { GRPC_INVALID_ARGUMENT, GRPC_NOT_FOUND, GRPC_RESOURCE_EXHAUSTED, GRPC_UNAVAILABLE } from './grpc-status.ts'

// grpc.health.v1.HealthCheckResponse: field 1 is the status.
const SERVING = grpcFrame(Uint8Array.of(0x08, 1))
const NOT_SERVING = grpcFrame(Uint8Array.of(0x08, 2))
const SERVICE_UNKNOWN = grpcFrame(Uint8Array.of(0x08, 3))

const MAX_WATCHERS = 10_000

/** Nothing is ever wrong for another reason. */
export type HealthReason = 'draining' | 'no configuration' | 'redis is not connected'

/** Whether the service should be asked, as /healthcheck and grpc.health.v1.Health tell. */
export class Health implements CallEnd {
  private readonly names: ReadonlySet<string>
  private readonly reasons = new Set<HealthReason>()
  private readonly watchers = new Set<GrpcCall>()

  /** `names`: services that can be asked about; '' is the process as a whole. */
  constructor(names: readonly string[]) {
    this.names = new Set(['', ...names])
  }

  get serving(): boolean {
    return this.reasons.size === 0
  }

  /** Why not; empty while serving. */
  get why(): readonly HealthReason[] {
    return [...this.reasons]
  }

  set(reason: HealthReason, holds: boolean): void {
    const before = this.serving
    if (holds) this.reasons.add(reason)
    else this.reasons.delete(reason)
    if (before === this.serving) return
    const { frame } = this
    for (const call of this.watchers) call.send(frame, frame.length)
  }

  get methods(): readonly (readonly [string, GrpcMethod])[] {
    return [
      ['/grpc.health.v1.Health/Check', (bytes, start, end, call) => this.check(bytes, start, end, call)],
      ['/grpc.health.v1.Health/Watch', (bytes, start, end, call) => this.watch(bytes, start, end, call)],
    ]
  }

  /** Calls that stay open would keep their connections open. */
  endWatches(): void {
    for (const call of [...this.watchers]) call.fail(GRPC_UNAVAILABLE, 'the service is shutting down')
    this.watchers.clear()
  }

  onCancelled(call: GrpcCall): void {
    this.watchers.delete(call)
  }

  private get frame(): Buffer {
    return this.serving ? SERVING : NOT_SERVING
  }

  private check(bytes: Buffer, start: number, end: number, call: GrpcCall): void {
    const name = serviceName(bytes, start, end)
    if (name === null) call.fail(GRPC_INVALID_ARGUMENT, 'no HealthCheckRequest')
    else if (!this.names.has(name)) call.fail(GRPC_NOT_FOUND, 'unknown service')
    else call.respond(this.frame, this.frame.length)
  }

  private watch(bytes: Buffer, start: number, end: number, call: GrpcCall): void {
    const name = serviceName(bytes, start, end)
    if (name === null) call.fail(GRPC_INVALID_ARGUMENT, 'no HealthCheckRequest')
    else if (this.watchers.size >= MAX_WATCHERS) call.fail(GRPC_RESOURCE_EXHAUSTED, 'too many watchers')
    else if (!this.names.has(name)) call.send(SERVICE_UNKNOWN, SERVICE_UNKNOWN.length)
    else {
      this.watchers.add(call)
      call.end = this
      call.send(this.frame, this.frame.length)
    }
  }
}

const reader = new ProtobufReader()

/** Null: the bytes are no HealthCheckRequest. */
function serviceName(bytes: Buffer, start: number, end: number): string | null {
  let name = ''
  reader.open(bytes, start, end)
  while (reader.next(end)) {
    if (reader.is(1, LENGTH_DELIMITED)) name = reader.text()
    else reader.skip()
  }
  return reader.failed ? null : name
}
