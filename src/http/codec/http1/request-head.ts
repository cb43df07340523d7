// HOT FILE (docs/hot-path.md): whether a head that has been read is a request that may go on, and how its body is framed.
import type { SslConnectionInfo } from '../../../observability/index.ts'
import type { HeaderMap } from '../../headers.ts'
import { CONNECTION, CONTENT_LENGTH, HOST, TRAILER, TRANSFER_ENCODING, UPGRADE } from '../../known-headers.ts'
import { isValidAuthority } from '../authority.ts'
import type { CodecError } from '../codec.ts'
import { acceptsNominated, ignoreUpgrades } from './connection-field.ts'
import { contentLengthOf, hasToken, isExactlyChunked } from './framing.ts'
import type { Http1Options } from './options.ts'
import { applyTarget } from './request-target.ts'

/** Who writes such a head is not taken at his word for the version either (Envoy). */
export const UNREADABLE_HEAD: CodecError = { status: 400, details: 'http1.codec_error' }
export const LOW_VERSION: CodecError = { status: 426, details: 'low_version' }
const CODEC_ERROR: CodecError = { status: 400, details: 'http1.codec_error' }
const LENGTH_AND_CHUNKED: CodecError = { status: 400, details: 'http1.content_length_and_chunked_not_allowed' }
const BAD_TRANSFER_ENCODING: CodecError = { status: 501, details: 'http1.invalid_transfer_encoding' }
const BODY_DISALLOWED: CodecError = { status: 400, details: 'http1.body_disallowed' }
const BAD_CONNECTION: CodecError = { status: 400, details: 'http1.connection_header_rejected' }
const HTTPS_IN_PLAINTEXT: CodecError = { status: 403, details: 'http1.https_url_on_plaintext_connection' }
const BAD_AUTHORITY: CodecError = { status: 400, details: 'http.invalid_authority' }

/** Brings a request's head in order; what is wrong with it, or null. */
export function checkRequestHead(
  headers: HeaderMap,
  options: Http1Options,
  http11: boolean,
  ssl: SslConnectionInfo | null,
): CodecError | null {
  if (!http11 && options.defaultHostForHttp10 !== '' && !headers.has(HOST))
    headers.append(HOST, options.defaultHostForHttp10)
  if (headers.method === 'CONNECT' && !headers.repeated && contentLengthOf(headers) > 0) return BODY_DISALLOWED
  const problem = applyTarget(headers, options.allowAbsoluteUrl)
  if (problem === 'codec_error') return UNREADABLE_HEAD
  if (problem !== null) return { status: 400, details: `http1.${problem}` }
  if (options.refuseHttpsInPlaintext && headers.scheme === 'https' && ssl === null) return HTTPS_IN_PLAINTEXT
  if (headers.repeated) {
    const repeated = checkRepeated(headers)
    if (repeated !== null) return repeated
    headers.joinRepeated()
  }
  if (headers.has(CONNECTION)) {
    if (!acceptsNominated(headers)) return BAD_CONNECTION
    if (http11 && headers.has(UPGRADE)) ignoreUpgrades(headers, options.ignoredUpgrades)
  }
  const length = contentLengthOf(headers)
  if (length === -2) return UNREADABLE_HEAD
  const chunked = headers.has(TRANSFER_ENCODING)
  if (chunked) {
    if (length >= 0) {
      if (!options.allowChunkedLength) return LENGTH_AND_CHUNKED
      headers.remove(CONTENT_LENGTH)
    }
    if (!isExactlyChunked(headers) || headers.method === 'CONNECT') return BAD_TRANSFER_ENCODING
  }
  if (!http11 && !options.acceptHttp10) return LOW_VERSION
  if (chunked && !http11) return BAD_TRANSFER_ENCODING
  return isValidAuthority(headers) ? null : BAD_AUTHORITY
}

function checkRepeated(headers: HeaderMap): CodecError | null {
  // Two authorities are a request for two readers (RFC 9112, 3.2).
  if (headers.find(HOST, headers.find(HOST, 0) + 1) >= 0) return CODEC_ERROR
  if (contentLengthOf(headers) === -2) return UNREADABLE_HEAD
  return headers.has(TRANSFER_ENCODING) && !isExactlyChunked(headers) ? BAD_TRANSFER_ENCODING : null
}

export function asksForUpgrade(headers: HeaderMap): boolean {
  const connection = headers.get(CONNECTION)
  return connection !== undefined && hasToken(connection, 'upgrade')
}

/** What a head is refused with that could not be read to its end. */
export function headError(failure: string): CodecError {
  const status = failure === 'headers_too_large' || failure === 'too_many_headers' ? 431 : 400
  return { status, details: `http1.${failure}` }
}

/** Fields that must not come in trailers (RFC 9110, 6.5.1): they would change framing or routing after the fact. */
export function dropForbiddenTrailers(trailers: HeaderMap): void {
  trailers.remove(CONTENT_LENGTH)
  trailers.remove(TRANSFER_ENCODING)
  trailers.remove(HOST)
  trailers.remove(TRAILER)
}
