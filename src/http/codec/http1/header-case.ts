import type { Connection } from '../../../net/index.ts'
import type { BytesMeter } from '../../../observability/index.ts'
import type { HeaderMap } from '../../headers.ts'
import type { HeaderCase, PreserveCase } from './options.ts'

/** Http1ProtocolOptions.header_key_format.proper_case_words: first letters of words in upper case. */
export const properCaseWords: HeaderCase = {
  format: name =>
    name.replace(/(^|[^a-z0-9])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase()),
}

export const LOWER_CASE: HeaderCase = { format: name => name }

/** Where the scanner puts names as they are written. */
export function keepNames(headers: HeaderMap, { othersInProperCase }: PreserveCase): Map<string, string> {
  headers.othersInProperCase = othersInProperCase
  headers.originalNames ??= new Map()
  return headers.originalNames
}

/** The case that names came in with from the other side; null: nothing is known of it. */
export function preservedCase(headers: HeaderMap): HeaderCase | null {
  const { originalNames, othersInProperCase } = headers
  if (originalNames === null) return null
  return { format: name => originalNames.get(name) ?? (othersInProperCase ? properCaseWords.format(name) : name) }
}

/** Writes a head with names in another case; the rare path, by strings. */
export function writeCasedHead(
  connection: Connection,
  startLine: Uint8Array,
  headers: HeaderMap,
  framingLine: Uint8Array | null,
  headerCase: HeaderCase,
  meter: BytesMeter,
): void {
  let text = Buffer.from(startLine).toString('latin1')
  const host = headers.method === '' ? undefined : headers.lookup('host')
  if (host !== undefined) text += `${headerCase.format('host')}: ${host}\r\n`
  headers.forEach((name, value) => {
    if (name !== 'host' || host === undefined) text += `${headerCase.format(name)}: ${value}\r\n`
  })
  if (framingLine !== null) {
    const line = Buffer.from(framingLine).toString('latin1')
    const colon = line.indexOf(':')
    text += headerCase.format(line.slice(0, colon)) + line.slice(colon)
  }
  connection.writeString(`${text}\r\n`)
  meter.headerSent += text.length - startLine.length
  meter.wireSent += text.length + 2
}
