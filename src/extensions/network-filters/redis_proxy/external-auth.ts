// A service that is asked about passwords: envoy.service.redis_auth.v3.RedisProxyExternalAuth/Authenticate.
import type { GrpcServiceJson } from '#api/envoy/config/core/v3/grpc_service_pb.ts'
import { type CompileContext, type ConfigPath, type MessageCodec, messageCodec } from '../../../config/index.ts'
import { compileGrpcService, GrpcCall, type GrpcCallOptions, type UpstreamThread } from '../../../upstream/index.ts'

const SERVICE = 'envoy.service.redis_auth.v3.RedisProxyExternalAuth'
const DEFAULT_TIMEOUT_MS = 200

export interface AuthAnswer {
  /** Null: there was no answer. */
  readonly allowed: boolean | null
  /** What the service says of it. */
  readonly message: string
  /** Until when, in Unix ms. */
  readonly expiresMs: number
}

interface ResponseMessage {
  readonly status?: { readonly code?: number }
  readonly expiration?: { readonly seconds?: bigint; readonly nanos?: number }
  readonly message?: string
}

const NO_ANSWER: AuthAnswer = { allowed: null, message: '', expiresMs: 0 }

export class ExternalAuth {
  /** A login is over when the service says so. */
  readonly expires: boolean
  private readonly options: GrpcCallOptions
  private request: MessageCodec | null = null
  private response: MessageCodec | null = null

  /** `path` is that of the gRPC service. */
  constructor(json: GrpcServiceJson, expires: boolean, context: CompileContext, path: ConfigPath) {
    this.expires = expires
    this.options = compileGrpcService(json, `/${SERVICE}/Authenticate`, DEFAULT_TIMEOUT_MS, context, path)
  }

  /** `onAnswer` may come before this returns. */
  ask(thread: UpstreamThread, username: string, password: string, onAnswer: (answer: AuthAnswer) => void): GrpcCall {
    this.request ??= messageCodec(`${SERVICE}Request`)
    this.response ??= messageCodec(`${SERVICE}Response`)
    const { response } = this
    const message = this.request.encode({ username: textOf(username), password: textOf(password) })
    return GrpcCall.start(thread.asyncClient, this.options, message, {
      onGrpcSuccess: bytes => onAnswer(answerOf(response.decode(bytes) as ResponseMessage | null)),
      onGrpcFailure: () => onAnswer(NO_ANSWER),
    })
  }
}

/** What stands on the wire is UTF-8. */
function textOf(wire: string): string {
  return Buffer.from(wire, 'latin1').toString('utf8')
}

function answerOf(response: ResponseMessage | null): AuthAnswer {
  if (response === null) return NO_ANSWER
  const { status, expiration, message = '' } = response
  return {
    allowed: (status?.code ?? 0) === 0,
    message: Buffer.from(message, 'utf8').toString('latin1'),
    expiresMs: Number(expiration?.seconds ?? 0n) * 1000 + (expiration?.nanos ?? 0) / 1e6,
  }
}
