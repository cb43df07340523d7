// HOT FILE (docs/hot-path.md): byte classes of RFC 9110 5.6.2 and RFC 9112 3, as tables.

/** 1 for tchar: bytes that a method or a field name may consist of. */
export const IS_TOKEN = new Uint8Array(256)
/** A byte in lower case. */
export const LOWER = new Uint8Array(256)
/** 1 for bytes a field value must not contain: controls other than tab. CR and LF are among them. */
export const IS_BAD_VALUE = new Uint8Array(256)
/** 1 for bytes a request target must not contain: controls, blank, DEL. */
export const IS_BAD_TARGET = new Uint8Array(256)
/** Value of a hexadecimal digit, 255 for anything else. */
export const HEX_VALUE = new Uint8Array(256).fill(255)

for (const c of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
  IS_TOKEN[c.charCodeAt(0)] = 1
for (let i = 0; i < 256; i++) {
  LOWER[i] = i >= 65 && i <= 90 ? i + 32 : i
  IS_BAD_VALUE[i] = (i < 32 && i !== 9) || i === 127 ? 1 : 0
  IS_BAD_TARGET[i] = i <= 32 || i >= 127 ? 1 : 0
}
for (let i = 0; i < 16; i++) {
  HEX_VALUE['0123456789abcdef'.charCodeAt(i)] = i
  HEX_VALUE['0123456789ABCDEF'.charCodeAt(i)] = i
}

export const TAB = 9
export const LF = 10
export const CR = 13
export const SPACE = 32
export const COLON = 58
