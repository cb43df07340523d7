// As much of DER, the form of certificates, as is read here.

export interface DerElement {
  readonly tag: number
  readonly content: Buffer
  /** Behind the element. */
  readonly end: number
}

/** Null: there is none, or not all of it. */
export function elementAt(bytes: Buffer, at: number): DerElement | null {
  const first = bytes[at + 1]
  if (first === undefined) return null
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  if (lengthBytes > 4 || at + 2 + lengthBytes > bytes.length) return null
  const size = lengthBytes === 0 ? first : bytes.readUIntBE(at + 2, lengthBytes)
  const start = at + 2 + lengthBytes
  return start + size > bytes.length
    ? null
    : { tag: bytes[at]!, content: bytes.subarray(start, start + size), end: start + size }
}

/** The elements inside another; none when they do not fill it. */
export function childrenOf(bytes: Buffer): readonly DerElement[] {
  const children: DerElement[] = []
  for (let at = 0; at < bytes.length; ) {
    const element = elementAt(bytes, at)
    if (element === null) return []
    children.push(element)
    at = element.end
  }
  return children
}

const SEQUENCE = 0x30
const EXTENSIONS = 0xa3
const OCTET_STRING = 0x04
const KEY_USAGE = Buffer.from('551d0f', 'hex')

/** The bits of keyUsage of a certificate, the first of them the highest of 16; null when it does not say. */
export function keyUsageOf(certificate: Buffer): number | null {
  const outer = elementAt(certificate, 0)
  const body = outer === null ? null : elementAt(outer.content, 0)
  const tagged = body === null ? undefined : childrenOf(body.content).find(({ tag }) => tag === EXTENSIONS)
  const list = tagged === undefined ? null : elementAt(tagged.content, 0)
  if (list === null || list.tag !== SEQUENCE) return null
  for (const extension of childrenOf(list.content)) {
    const [id, ...rest] = childrenOf(extension.content)
    if (id === undefined || !id.content.equals(KEY_USAGE)) continue
    const value = rest.find(({ tag }) => tag === OCTET_STRING)
    const bits = value === undefined ? null : elementAt(value.content, 0)
    // The first byte counts the unused bits at the end.
    return bits === null ? null : ((bits.content[1] ?? 0) << 8) | (bits.content[2] ?? 0)
  }
  return null
}
