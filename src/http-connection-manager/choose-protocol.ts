/** Which codec a connection needs. */
export const Http1 = 0
export const Http2 = 1
/** The first bytes could still become either. */
export const Undecided = 2
export type ProtocolChoice = typeof Http1 | typeof Http2 | typeof Undecided

/** How an HTTP/2 client begins (RFC 9113, 3.4): so much of its preface no HTTP/1 request can have. */
const PREFACE = Buffer.from('PRI * HTTP/2', 'latin1')

/** For codec_type AUTO: what ALPN agreed on, else what the first bytes look like. */
export function chooseProtocol(nextProtocol: string, data: Buffer, start: number, end: number): ProtocolChoice {
  if (nextProtocol !== '') return nextProtocol === 'h2' ? Http2 : Http1
  const size = Math.min(end - start, PREFACE.length)
  for (let i = 0; i < size; i++) if (data[start + i] !== PREFACE[i]) return Http1
  return size === PREFACE.length ? Http2 : Undecided
}
