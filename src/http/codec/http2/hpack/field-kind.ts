// What a field name means to HTTP/2 itself.

export const Regular = 0
export const Authority = 1
export const Method = 2
export const Path = 3
export const Scheme = 4
export const Status = 5
export const Protocol = 6
/** A pseudo-header that no RFC knows. */
export const UnknownPseudo = 7
export const Cookie = 8
/** Belongs to one HTTP/1 connection: malformed here (RFC 9113, 8.2.2). */
export const ConnectionSpecific = 9
export const Te = 10
export const Host = 11
export const ContentLength = 12
/** Not a field name at all. */
export const BadName = 13
/** Holds an underscore. */
export const Underscored = 14

export type FieldKind = number

const KINDS: ReadonlyMap<string, FieldKind> = new Map([
  [':authority', Authority],
  [':method', Method],
  [':path', Path],
  [':scheme', Scheme],
  [':status', Status],
  [':protocol', Protocol],
  ['cookie', Cookie],
  ['connection', ConnectionSpecific],
  ['keep-alive', ConnectionSpecific],
  ['proxy-connection', ConnectionSpecific],
  ['transfer-encoding', ConnectionSpecific],
  ['upgrade', ConnectionSpecific],
  ['te', Te],
  ['host', Host],
  ['content-length', ContentLength],
])

export function kindOf(name: string): FieldKind {
  return KINDS.get(name) ?? (name.startsWith(':') ? UnknownPseudo : Regular)
}
