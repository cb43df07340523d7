// Why a request is traced, or not.
export const NotTraceable = 0
/** By its share of all requests. */
export const Sampling = 1
/** x-envoy-force-trace. */
export const ServiceForced = 2
/** x-client-trace-id. */
export const ClientForced = 3
export type TraceReason = typeof NotTraceable | typeof Sampling | typeof ServiceForced | typeof ClientForced
