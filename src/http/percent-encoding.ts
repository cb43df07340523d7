const RESERVED = /[^A-Za-z0-9\-_.~]/g

/** Percent-encodes what may not stand in a query or a form; `text` is latin1. */
export function urlEncode(text: string): string {
  return text.replace(RESERVED, char => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}
