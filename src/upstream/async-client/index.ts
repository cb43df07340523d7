export type { AsyncClient, AsyncStream, AsyncStreamCallbacks, AsyncStreamOptions } from './async-client.ts'
export { AsyncRequest, type AsyncRequestCallbacks, type AsyncResponse } from './async-request.ts'
export { grpcCallSpan, httpCallSpan } from './call-span.ts'
export { FormService } from './form-request.ts'
export { GrpcCall, type GrpcCallCallbacks } from './grpc-call.ts'
export type { GrpcCallOptions, GrpcMetadata } from './grpc-options.ts'
export { checkServiceCluster, compileGrpcMetadata, compileGrpcService } from './grpc-service.ts'
export { GrpcStream, type GrpcStreamCallbacks } from './grpc-stream.ts'
export { type JsonPostCallbacks, postJson } from './json-post.ts'
export {
  CodeOverLimit,
  compileRateLimitService,
  type RateLimitAnswer,
  type RateLimitCallbacks,
  type RateLimitService,
  type RateLimitStatus,
  rateLimitHeaderValue,
} from './rate-limit-service.ts'
export { compileServiceRetryPolicy } from './retry-policy.ts'
