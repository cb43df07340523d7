export type { AsyncClient, AsyncStream, AsyncStreamCallbacks, AsyncStreamOptions } from './async-client.ts'
export { AsyncRequest, type AsyncRequestCallbacks, type AsyncResponse } from './async-request.ts'
export { GrpcCall, type GrpcCallCallbacks, type GrpcCallOptions } from './grpc-call.ts'
export { checkServiceCluster, compileGrpcService } from './grpc-service.ts'
