// What the processor wants changed in a head or in trailers.
import {
  CONTENT_LENGTH,
  type HeaderMap,
  type HeaderMutationRules,
  HeaderName,
  HOST,
  overwriteHeader,
} from '../../../http/index.ts'
import type { HeaderMutation } from './messages.ts'

const NAME = /^:?[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[^\0\r\n]*$/
/** The connection manager's own limits by default. */
const MAX_COUNT = 100
const MAX_BYTES = 60 * 1024

export interface MutationOptions {
  readonly rules: HeaderMutationRules
  /** The whole message is replaced: then its method may be too. */
  readonly replacing: boolean
  /** Its length changes, whatever the processor says of it. */
  readonly dropsContentLength: boolean
  /** An answer in place of the response: its status is said elsewhere. */
  readonly keepsStatus: boolean
}

export interface MutationResult {
  /** Changes that the rules, or HTTP, did not allow. */
  readonly rejected: number
  /** Why the request cannot go on, as response code details; null: it can. What came before has been done. */
  readonly problem: string | null
}

const failed = (rejected: number, why: string): MutationResult => ({
  rejected: rejected + 1,
  problem: `header_mutation_${why}`,
})

export function mutateHeaders(headers: HeaderMap, mutation: HeaderMutation, options: MutationOptions): MutationResult {
  const { setHeaders, removeHeaders } = mutation
  if (setHeaders.length > MAX_COUNT || removeHeaders.length > MAX_COUNT) {
    return failed(0, 'operation_count_exceeds_limit')
  }
  let rejected = 0
  for (const name of removeHeaders) {
    if (!NAME.test(name)) return failed(rejected, 'remove_contains_invalid_character')
    if (options.rules.mayRemove(name.toLowerCase())) headers.remove(HeaderName.named(name))
    else if (options.rules.disallowIsError) return failed(rejected, 'remove_headers_failed')
    else rejected++
  }
  for (const { header, append } of setHeaders) {
    if (header === undefined) continue
    const value = Buffer.from(header.rawValue).toString('latin1')
    if (!NAME.test(header.key) || !VALUE.test(value)) return failed(rejected, 'set_contains_invalid_character')
    const name = header.key.toLowerCase()
    if (name === 'content-length' && options.dropsContentLength) continue
    const may = options.rules.maySet(name, value) || (options.replacing && name === ':method' && value !== '')
    if (may) setField(headers, name, value, append === true, options.keepsStatus)
    else if (options.rules.disallowIsError) return failed(rejected, 'set_headers_failed')
    else rejected++
  }
  const tooMuch = headers.count > MAX_COUNT || headers.byteSize > MAX_BYTES
  return tooMuch ? failed(rejected, 'result_exceeds_limit') : { rejected, problem: null }
}

function setField(headers: HeaderMap, name: string, value: string, append: boolean, keepsStatus: boolean): void {
  switch (name) {
    case ':method':
      headers.method = value
      return
    case ':path':
      headers.path = value
      return
    case ':scheme':
      headers.scheme = value
      return
    case ':status':
      if (!keepsStatus) headers.status = Number(value)
      return
    case ':authority':
    case 'host':
      headers.set(HOST, value)
      return
    default:
      if (name.startsWith(':')) return
  }
  const field = HeaderName.named(name)
  // The length is one name among others to Envoy: what is set stands at the end.
  if (field === CONTENT_LENGTH) headers.remove(field)
  if (append) headers.append(field, value)
  else overwriteHeader(headers, field, value)
}

/** core.v3.HeaderMap with what `sends` allows; Envoy tells the first line's parts before the fields. */
export function headersMessage(headers: HeaderMap, sends: (name: string) => boolean): object {
  const list: object[] = []
  const put = (key: string, value: string): void => {
    if (sends(key)) list.push({ key, rawValue: Buffer.from(value, 'latin1') })
  }
  if (headers.method !== '') {
    put(':authority', headers.authority)
    put(':path', headers.path)
    put(':method', headers.method)
    put(':scheme', headers.scheme)
  }
  if (headers.status !== 0) put(':status', String(headers.status))
  headers.forEach((name, value) => {
    if (name !== 'host' || headers.method === '') put(name, value)
  })
  return { headers: list }
}
