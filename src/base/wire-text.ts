// Header bytes travel as latin1 strings, one character per byte; configuration is Unicode. These two meet here.

const NOT_ASCII = /[^\x00-\x7f]/

/** Configured text as it stands on the wire: its UTF-8 bytes, one character each. */
export function toWireText(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text
}
