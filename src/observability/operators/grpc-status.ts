import type { Field, FormatContext } from '../format-context.ts'

/** By code: the CAMEL_STRING and SNAKE_STRING forms. */
const NAMES: readonly (readonly [camel: string, snake: string])[] = [
  ['OK', 'OK'],
  ['Canceled', 'CANCELLED'],
  ['Unknown', 'UNKNOWN'],
  ['InvalidArgument', 'INVALID_ARGUMENT'],
  ['DeadlineExceeded', 'DEADLINE_EXCEEDED'],
  ['NotFound', 'NOT_FOUND'],
  ['AlreadyExists', 'ALREADY_EXISTS'],
  ['PermissionDenied', 'PERMISSION_DENIED'],
  ['ResourceExhausted', 'RESOURCE_EXHAUSTED'],
  ['FailedPrecondition', 'FAILED_PRECONDITION'],
  ['Aborted', 'ABORTED'],
  ['OutOfRange', 'OUT_OF_RANGE'],
  ['Unimplemented', 'UNIMPLEMENTED'],
  ['Internal', 'INTERNAL'],
  ['Unavailable', 'UNAVAILABLE'],
  ['DataLoss', 'DATA_LOSS'],
  ['Unauthenticated', 'UNAUTHENTICATED'],
]

const UNKNOWN = 2
/** The gRPC status of a response without one, by HTTP code; others are UNKNOWN (gRPC's http-grpc-status-mapping). */
const OF_HTTP: Readonly<Record<number, number>> = {
  400: 13,
  401: 16,
  403: 7,
  404: 12,
  429: 14,
  502: 14,
  503: 14,
  504: 14,
}
/** What Envoy prints for a grpc-status that is no number. */
const INVALID = -1

/** Null where the request was not gRPC, or there was no answer at all. */
function grpcStatus(context: FormatContext): number | null {
  const contentType = context.requestHeaders?.lookup('content-type')
  if (contentType === undefined || !/^application\/grpc(?:\+|$)/.test(contentType)) return null
  return httpGrpcStatus(context)
}

/** The status of any answer; null: there is none. */
export function httpGrpcStatus({ responseHeaders, responseTrailers, info }: FormatContext): number | null {
  const text = responseTrailers?.lookup('grpc-status') ?? responseHeaders?.lookup('grpc-status')
  // An empty one is none, to Envoy.
  if (text !== undefined && text !== '') return /^\d+$/.test(text) ? Number(text) : INVALID
  return info.responseCode === 0 ? null : (OF_HTTP[info.responseCode] ?? UNKNOWN)
}

/** GRPC_STATUS(form); undefined for an unknown form. */
export function grpcStatusField(form: string): Field | undefined {
  if (form === 'NUMBER') return grpcStatus
  const column = ['CAMEL_STRING', 'SNAKE_STRING'].indexOf(form)
  if (column < 0) return undefined
  return context => {
    const status = grpcStatus(context)
    return status === null ? null : (NAMES[status]?.[column] ?? String(status))
  }
}
