import type { StreamInfo } from './stream-info.ts'

/** Headers as formatters see them. */
export interface HeaderLookup {
  /** First value of a lower-case name; ':method', ':path', ':authority', ':scheme' and ':status' work. */
  lookup(name: string): string | undefined
  /** All values of a lower-case name, separated by commas; names may come with requests. Else as `lookup`. */
  joined(name: string): string | undefined
  /** Each once, pseudo headers included. */
  names(): readonly string[]
  readonly byteSize: number
}

/** What a formatter may read. */
export interface FormatContext {
  readonly requestHeaders: HeaderLookup | null
  readonly responseHeaders: HeaderLookup | null
  readonly responseTrailers: HeaderLookup | null
  readonly info: StreamInfo
  readonly localReplyBody?: string
  readonly accessLogType?: string
}

/** What an operator yields: null where there is nothing. */
export type FieldValue =
  | string
  | number
  | boolean
  | null
  | readonly FieldValue[]
  | { readonly [key: string]: FieldValue }
export type Field = (context: FormatContext) => FieldValue
