import type { HeaderName } from '../../../header-name.ts'
import { HeaderName as Names } from '../../../header-name.ts'
import { HOST } from '../../../known-headers.ts'
import { type FieldKind, kindOf } from './field-kind.ts'

// RFC 7541, Appendix A.
const TABLE: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
]

/** One entry of the static table, with what both directions ask about it. */
export interface StaticEntry {
  readonly name: string
  readonly value: string
  /** The name its line carries in a HeaderMap: `:authority` is the `host` line. */
  readonly header: HeaderName
  readonly kind: FieldKind
  readonly valueBytes: Uint8Array
}

export const STATIC_ENTRIES = TABLE.length

/** Entries by their index; 0 is unused. */
export const STATIC_TABLE: readonly StaticEntry[] = [['', ''] as const, ...TABLE].map(([name, value]) => ({
  name,
  value,
  header: name === ':authority' ? HOST : Names.of(name),
  kind: kindOf(name),
  valueBytes: Buffer.from(value, 'latin1'),
}))
