import {
  type HeadFailure,
  HeadInvalidField,
  HeadTooLarge,
  HeadTooManyFields,
  HeadUnderscore,
} from './hpack/head-assembler.ts'

export const VIOLATION = 'http2.violation.of.messaging.rule'
export const INVALID_FIELD = 'http2.invalid.header.field'

/** Response code details of a head that is refused, in Envoy's words. */
export function failureDetails(failure: HeadFailure): string {
  switch (failure) {
    case HeadInvalidField:
      return INVALID_FIELD
    case HeadTooManyFields:
      return 'http2.too_many_headers'
    case HeadTooLarge:
      return 'http2.header_list_size_too_large'
    case HeadUnderscore:
      return 'http2.unexpected_underscore'
    default:
      return VIOLATION
  }
}
