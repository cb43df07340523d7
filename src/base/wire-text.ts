// Header bytes travel as latin1 strings, one character per byte; configuration is Unicode. These two meet here.

const NOT_ASCII = /[^\x00-\x7f]/

export function isAscii(text: string): boolean {
  return !NOT_ASCII.test(text)
}

/** Configured text as it stands on the wire: its UTF-8 bytes, one character each. */
export function toWireText(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}

/** Wire bytes read as UTF-8; bytes that are not UTF-8 become U+FFFD. */
export function fromWireText(wire: string): string {
  return isAscii(wire) ? wire : Buffer.from(wire, 'latin1').toString('utf8')
}
