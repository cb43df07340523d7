// Header bytes travel as latin1 strings, one character per byte; configuration is Unicode. These two meet here.

const NOT_ASCII = /[^\x00-\x7f]/

/** Configured text as it stands on the wire: its UTF-8 bytes, one character each. */
export function toWireText(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text
}

/** The texts in a configured Struct; its keys stay, since they are looked up by configured ones. */
export function wireStruct(value: unknown): unknown {
  if (typeof value === 'string') return toWireText(value)
  if (Array.isArray(value)) return value.map(wireStruct)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, wireStruct(item)]))
}
