// Which parts of a message the processor gets, as the numbers of the protocol.
import type { ProcessingModeJson } from '#api/envoy/extensions/filters/http/ext_proc/v3/processing_mode_pb.ts'

export const BodyNone = 0
export const BodyStreamed = 1
export const BodyBuffered = 2
export const BodyBufferedPartial = 3
export const BodyFullDuplex = 4
const BODY_MODES = ['NONE', 'STREAMED', 'BUFFERED', 'BUFFERED_PARTIAL', 'FULL_DUPLEX_STREAMED', 'GRPC']

export const SendDefault = 0
export const Send = 1
export const Skip = 2
const SEND_MODES = ['DEFAULT', 'SEND', 'SKIP']

/** ProcessingMode, as its codec gives it too. */
export interface ProcessingMode {
  readonly requestHeaderMode: number
  readonly responseHeaderMode: number
  readonly requestBodyMode: number
  readonly responseBodyMode: number
  readonly requestTrailerMode: number
  readonly responseTrailerMode: number
}

export function compileMode(json: ProcessingModeJson): ProcessingMode {
  const send = (mode: string | undefined): number => SEND_MODES.indexOf(mode ?? 'DEFAULT')
  const body = (mode: string | undefined): number => BODY_MODES.indexOf(mode ?? 'NONE')
  return {
    requestHeaderMode: send(json.requestHeaderMode),
    responseHeaderMode: send(json.responseHeaderMode),
    requestBodyMode: body(json.requestBodyMode),
    responseBodyMode: body(json.responseBodyMode),
    requestTrailerMode: send(json.requestTrailerMode),
    responseTrailerMode: send(json.responseTrailerMode),
  }
}

/** What this release can do with a mode that the processor asks for. */
export function isKnownMode({ requestBodyMode, responseBodyMode }: ProcessingMode): boolean {
  return requestBodyMode <= BodyFullDuplex && responseBodyMode <= BodyFullDuplex
}

/** The request's headers have gone by the time a mode is overridden: they do not count. */
export function sameMode(a: ProcessingMode, b: ProcessingMode): boolean {
  return (
    a.responseHeaderMode === b.responseHeaderMode &&
    a.requestBodyMode === b.requestBodyMode &&
    a.responseBodyMode === b.responseBodyMode &&
    a.requestTrailerMode === b.requestTrailerMode &&
    a.responseTrailerMode === b.responseTrailerMode
  )
}
