// As much of an OCSP response (RFC 6960) as is needed to know until when it may be handed out.

import { childrenOf, elementAt } from './der.ts'

const GENERALIZED_TIME = 0x18
const NEXT_UPDATE = 0xa0
const OCTET_STRING = 0x04
const SEQUENCE = 0x30

/** '20260131120000Z' as Unix ms. */
function timeOf(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.\d+)?Z$/.exec(text)
  return match === null
    ? Number.NaN
    : Date.parse(`${match[1]}-${match[2]}-${match[3]}T${match[4]}:${match[5]}:${match[6]}Z`)
}

export interface OcspResponse {
  /** Of the certificate it is about: hex, without leading zeros. */
  readonly serial: string
  /** Unix ms; Infinity: it does not say. */
  readonly validUntilMs: number
}

/** Null when these bytes are no good response about one certificate. */
export function readOcspResponse(der: Buffer): OcspResponse | null {
  const outer = elementAt(der, 0)
  if (outer === null || outer.tag !== SEQUENCE) return null
  const [status, responseBytes] = childrenOf(outer.content)
  // Anything but 'successful' carries nothing.
  if (status === undefined || status.content[0] !== 0 || responseBytes === undefined) return null
  const wrapped = elementAt(responseBytes.content, 0)
  const octets = wrapped === null ? undefined : childrenOf(wrapped.content).find(({ tag }) => tag === OCTET_STRING)
  const basic = octets === undefined ? null : elementAt(octets.content, 0)
  const data = basic === null ? null : elementAt(basic.content, 0)
  if (data === null) return null
  // Version and responder are tagged, the time of production is a time: the first sequence is that of the answers.
  const answers = childrenOf(data.content).find(({ tag }) => tag === SEQUENCE)
  const single = answers === undefined ? [] : childrenOf(answers.content)
  if (single.length !== 1) return null
  const parts = childrenOf(single[0]!.content)
  if (!parts.some(({ tag }) => tag === GENERALIZED_TIME)) return null
  const serial = childrenOf(parts[0]!.content)[3]
  if (serial === undefined) return null
  const next = parts.find(({ tag }) => tag === NEXT_UPDATE)
  const time = next === undefined ? null : elementAt(next.content, 0)
  return {
    serial: plainSerial(serial.content.toString('hex')),
    // Without that time newer information may be had at any moment: it holds until it is replaced (RFC 6960, 4.2.2.1).
    validUntilMs: time === null ? Number.POSITIVE_INFINITY : timeOf(time.content.toString('latin1')),
  }
}

/** Hex digits without leading zeros. */
export const plainSerial = (hex: string): string => hex.toLowerCase().replace(/^0+(?=.)/, '')
