// envoy.service.auth.v3.Authorization/Check.
import type { GrpcServiceJson } from '#api/envoy/config/core/v3/grpc_service_pb.ts'
import { type CompileContext, type ConfigPath, type MessageCodec, messageCodec } from '../../config/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import {
  compileGrpcService,
  GrpcCall,
  type GrpcCallCallbacks,
  type GrpcCallOptions,
  grpcCallSpan,
} from '../async-client/index.ts'
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

  /** The callback may come before this returns. `info`: of the request that asks; null: it has no span. */
  check(
    thread: UpstreamThread,
    attributes: object,
    callbacks: AuthorizationCallbacks,
    info: StreamInfo | null = null,
  ): GrpcCall {
    this.prepare()
    const message = (this.request as MessageCodec).encode({ attributes })
    const span = info === null ? null : grpcCallSpan(info, thread, METHOD)
    const answered: GrpcCallCallbacks = {
      onGrpcSuccess: bytes => {
        const response = (this.response as MessageCodec).decode(bytes) as CheckResponse | null
        const allowed = response !== null && (response.status?.code ?? 0) === 0
        span?.setTag('ext_authz_status', allowed ? 'ext_authz_ok' : 'ext_authz_unauthorized')
        callbacks.onCheckResponse(response)
      },
      onGrpcFailure: () => callbacks.onCheckResponse(null),
    }
    return GrpcCall.start(thread.asyncClient, this.options, message, answered, span)
  }
}
