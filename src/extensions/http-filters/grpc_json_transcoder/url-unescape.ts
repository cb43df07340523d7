// Percent-decoding of path variables and query parameters.

export type UnescapeSpec = 'ALL_CHARACTERS_EXCEPT_RESERVED' | 'ALL_CHARACTERS_EXCEPT_SLASH' | 'ALL_CHARACTERS'

/** RFC 6570, 2.3 (reserved). */
const RESERVED = new Set([..."!#$&'()*+,/:;=?@[]"].map(char => char.charCodeAt(0)))
const SLASH = 47

/** `text` is latin1 as it came; the result is text of what the bytes are in UTF-8. What is no escape stays. */
export function urlUnescape(text: string, spec: UnescapeSpec, plusIsBlank: boolean): string {
  if (!/[%+\x80-\xff]/.test(text)) return text
  const blanks = plusIsBlank ? text.replaceAll('+', ' ') : text
  const bytes = blanks.replace(/%([0-9a-fA-F]{2})/g, (whole, hex: string) => {
    const byte = Number.parseInt(hex, 16)
    const kept =
      spec === 'ALL_CHARACTERS_EXCEPT_RESERVED'
        ? RESERVED.has(byte)
        : spec === 'ALL_CHARACTERS_EXCEPT_SLASH' && byte === SLASH
    return kept ? whole : String.fromCharCode(byte)
  })
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
