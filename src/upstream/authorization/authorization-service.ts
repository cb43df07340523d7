// envoy.service.auth.v3.Authorization/Check.
import type { GrpcServiceJson } from '#api/envoy/config/core/v3/grpc_service_pb.ts'
import { type CompileContext, type ConfigPath, type MessageCodec, messageCodec } from '../../config/index.ts'
import { compileGrpcService, GrpcCall, type GrpcCallOptions } from '../async-client/index.ts'
import type { UpstreamThread } from '../cluster-manager.ts'
import type { CheckResponse } from './check-response.ts'

const METHOD = '/envoy.service.auth.v3.Authorization/Check'
const DEFAULT_TIMEOUT_MS = 200

export interface AuthorizationCallbacks {
  /** Null: there was no answer. */
  onCheckResponse(response: CheckResponse | null): void
}

export class AuthorizationService {
  private readonly options: GrpcCallOptions
  private request: MessageCodec | null = null
  private response: MessageCodec | null = null

  /** `path` is that of the gRPC service. */
  constructor(json: GrpcServiceJson, context: CompileContext, path: ConfigPath) {
    this.options = compileGrpcService(json, METHOD, DEFAULT_TIMEOUT_MS, context, path)
    // Where requests will come, none of them shall wait for it; main only checks.
    if (context.resource !== undefined) this.prepare()
  }

  /** Loads the messages; once per thread, before the first check. */
  prepare(): void {
    this.request ??= messageCodec('envoy.service.auth.v3.CheckRequest')
    this.response ??= messageCodec('envoy.service.auth.v3.CheckResponse')
  }

  /** The callback may come before this returns. */
  check(thread: UpstreamThread, attributes: object, callbacks: AuthorizationCallbacks): GrpcCall {
    this.prepare()
    const message = (this.request as MessageCodec).encode({ attributes })
    return GrpcCall.start(thread.asyncClient, this.options, message, {
      onGrpcSuccess: bytes =>
        callbacks.onCheckResponse((this.response as MessageCodec).decode(bytes) as CheckResponse | null),
      onGrpcFailure: () => callbacks.onCheckResponse(null),
    })
  }
}
