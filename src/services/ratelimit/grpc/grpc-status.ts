/** The codes of google.rpc.Code that this service answers with. */
export const GRPC_OK = 0
export const GRPC_INVALID_ARGUMENT = 3
export const GRPC_NOT_FOUND = 5
export const GRPC_RESOURCE_EXHAUSTED = 8
export const GRPC_UNIMPLEMENTED = 12
export const GRPC_INTERNAL = 13
export const GRPC_UNAVAILABLE = 14
