// The bytes of RESP, the protocol of Redis: what begins a value, and how much of one is taken.

export const CR = 13
export const LF = 10

export const ARRAY = 42 // '*'
export const BULK_STRING = 36 // '$'
export const SIMPLE_STRING = 43 // '+'
export const ERROR = 45 // '-'
export const INTEGER = 58 // ':'
// RESP3.
export const NULL = 95 // '_'
export const BOOLEAN = 35 // '#'
export const DOUBLE = 44 // ','
export const BIG_NUMBER = 40 // '('
export const BLOB_ERROR = 33 // '!'
export const VERBATIM_STRING = 61 // '='
export const MAP = 37 // '%'
export const SET = 126 // '~'
export const PUSH = 62 // '>'
export const ATTRIBUTE = 124 // '|'

/** Of one bulk string, as of Redis (proto-max-bulk-len) and Envoy. */
export const MAX_BULK_BYTES = 512 * 1024 * 1024
/** Of one value with all that is in it, as of Envoy. */
export const MAX_ELEMENTS = 2_000_000
export const MAX_DEPTH = 128
/** Of a simple string, an error or an inline command. */
export const MAX_LINE_BYTES = 64 * 1024
