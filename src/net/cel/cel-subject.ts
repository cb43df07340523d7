import type { FormatContext, HeaderLookup, StreamInfo } from '../../observability/index.ts'

/** What a matcher tree hands to its CEL expressions: the parts of an exchange that are there. */
export class CelSubject implements FormatContext {
  readonly requestHeaders: HeaderLookup | null
  readonly responseHeaders: HeaderLookup | null
  readonly responseTrailers: HeaderLookup | null
  readonly info: StreamInfo

  constructor(
    info: StreamInfo,
    request: HeaderLookup | null,
    response: HeaderLookup | null = null,
    responseTrailers: HeaderLookup | null = null,
  ) {
    this.info = info
    this.requestHeaders = request
    this.responseHeaders = response
    this.responseTrailers = responseTrailers
  }
}
