// HOT FILE (docs/hot-path.md): what the heads of compressible messages say, and what they lose and gain.
import { CONTENT_LENGTH, type HeaderMap, HeaderName, TRANSFER_ENCODING } from '../../../http/index.ts'

export const ACCEPT_ENCODING = HeaderName.of('accept-encoding')
export const CONTENT_ENCODING = HeaderName.of('content-encoding')
const CACHE_CONTROL = HeaderName.of('cache-control')
const VARY = HeaderName.of('vary')
export const ETAG = HeaderName.of('etag')

/** A list holds the word, whatever its case. */
function listHas(list: string, word: string): boolean {
  for (const element of list.split(',')) if (element.trim().toLowerCase() === word) return true
  return false
}

/** -1: the message does not say how long it is. */
export function contentLength(headers: HeaderMap): number {
  const text = headers.get(CONTENT_LENGTH)
  return text === undefined ? -1 : Number(text)
}

export function forbidsTransforms(headers: HeaderMap): boolean {
  const control = headers.get(CACHE_CONTROL)
  return control !== undefined && listHas(control, 'no-transform')
}

/** Transfer codings besides chunked have compressed the message already. */
export function isTransferCoded(headers: HeaderMap): boolean {
  const coding = headers.get(TRANSFER_ENCODING)
  if (coding === undefined) return false
  return listHas(coding, 'gzip') || listHas(coding, 'deflate') || listHas(coding, 'br')
}

/** Caches must know that the response could have been another. The word is compared by case, as Envoy does. */
export function addVary(headers: HeaderMap): void {
  const present = headers.get(VARY)
  if (present === undefined || present === '') headers.set(VARY, 'Accept-Encoding')
  else if (!present.split(',').some(element => element.trim() === 'Accept-Encoding')) {
    headers.set(VARY, `${present}, Accept-Encoding`)
  }
}

/** A strong etag promises the very bytes, which change now. */
export function weakenEtag(headers: HeaderMap, keep: boolean): void {
  const etag = headers.get(ETAG)
  if (etag === undefined || etag.startsWith('W/') || etag.startsWith('w/')) return
  if (keep) headers.set(ETAG, `W/${etag}`)
  else headers.remove(ETAG)
}
