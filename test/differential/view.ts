// What was seen from outside, as lines of text without what differs from run to run: equal lines are equal behaviour.
import { networkInterfaces } from 'node:os'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'
import type { RawRequest, RawResponse } from '../harness/index.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const DURATION = /("ext_authz_duration":)\d+/
const LONGEST = 300
/** What the proxy calls itself towards others, where its client is local. */
const OWN = Object.values(networkInterfaces())
  .flatMap(list => list ?? [])
  .filter(({ internal }) => !internal)
  .map(({ address }) => address)
const withoutOwn = (text: string): string => OWN.reduce((shown, address) => shown.replaceAll(address, 'OWN'), text)

const printable = (text: string): string =>
  text.replace(/[\0-\x1f\x7f-\xff]/g, char => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)

const shortened = (text: string): string =>
  text.length > LONGEST ? `${text.slice(0, 40)}...${text.slice(-10)} (${text.length} bytes)` : text

export function field([name, value]: readonly [string, string]): string {
  if (name === 'date' || (name === 'x-request-id' && UUID.test(value))) return `${name}: *`
  if (name === 'x-envoy-upstream-service-time') return `${name}: *`
  if (name === 'x-envoy-expected-rq-timeout-ms') return `${name}: ~${Math.ceil(Number(value) / 1000) * 1000}`
  // Envoy writes cookies that it took apart back in any order.
  if (name === 'cookie') return `cookie: ${shortened(value.split('; ').sort().join('; '))}`
  return `${name}: ${shortened(printable(withoutOwn(value.replace(DURATION, '$1*'))))}`
}

const DECODERS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  gzip: bytes => gunzipSync(bytes),
  br: bytes => brotliDecompressSync(bytes),
  zstd: bytes => zstdDecompressSync(bytes),
}

/** Encoders differ in their bytes, not in what comes out again. */
function body({ headers, body: text }: Pick<RawResponse, 'headers' | 'body'>): readonly string[] {
  if (text === '') return []
  const encoding = headers.find(([name]) => name === 'content-encoding')?.[1]
  const decode = encoding === undefined ? undefined : DECODERS[encoding]
  if (decode === undefined) return [`body: ${printable(shortened(text))}`]
  try {
    return [`${encoding} body: ${printable(shortened(decode(Buffer.from(text, 'latin1')).toString('latin1')))}`]
  } catch {
    return [`body: ${printable(shortened(text))}`]
  }
}

export function responseLines(response: RawResponse): readonly string[] {
  return [
    `< ${response.status} ${response.reason}`,
    ...response.headers.map(header => `< ${field(header)}`),
    ...body(response).map(line => `< ${line}`),
    ...response.trailers.map(header => `< trailer ${field(header)}`),
  ]
}

export function requestLines(request: RawRequest): readonly string[] {
  return [
    `> ${request.method} ${request.target}`,
    ...request.headers.map(header => `> ${field(header)}`),
    ...body(request).map(line => `> ${line}`),
    ...request.trailers.map(header => `> trailer ${field(header)}`),
  ]
}
