// The short form of messages: a first line, header lines, a blank line, the body. What is obvious is filled in.
//
//   GET /x?y            -> GET /x?y HTTP/1.1, host: svc.test, content-length for a body
//   200                 -> HTTP/1.1 200 OK, content-length
//   transfer-encoding: chunked in the head: each line of the body is a chunk; what follows `--` are trailers
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib'

const ENCODERS: Readonly<Record<string, (bytes: string) => Buffer>> = {
  gzip: bytes => gzipSync(bytes),
  br: bytes => brotliCompressSync(bytes),
  zstd: bytes => zstdCompressSync(bytes),
}

function frame(message: Buffer): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt32BE(message.length, 1)
  return Buffer.concat([header, message])
}

/**
 * Bodies by one word: `{x*500}` is 500 times x, `{gzip:text}` the text compressed, `{hex:0a0b}` these bytes,
 * `{frame:0a0b}` a gRPC frame of them.
 */
const grow = (text: string): string =>
  text
    .replace(/\{hex:([0-9a-f]*)\}/g, (_, digits: string) => Buffer.from(digits, 'hex').toString('latin1'))
    .replace(/\{frame:([0-9a-f]*)\}/g, (_, digits: string) => frame(Buffer.from(digits, 'hex')).toString('latin1'))
    .replace(/\{(gzip|br|zstd):(.*?)\}/g, (_, name: string, plain: string) => ENCODERS[name]!(plain).toString('latin1'))
    .replace(/\{(.+?)\*(\d+)\}/g, (_, unit: string, times: string) => unit.repeat(Number(times)))

const head = (text: string): { lines: string[]; body: string | null } => {
  const blank = text.indexOf('\n\n')
  const lines = (blank < 0 ? text : text.slice(0, blank)).split('\n').filter(line => line !== '')
  return { lines: lines.map(grow), body: blank < 0 ? null : text.slice(blank + 2).replace(/\n$/, '') }
}

const has = (lines: readonly string[], name: string): boolean =>
  lines.some(line => line.toLowerCase().startsWith(`${name}:`))

function chunked(body: string): string {
  const [data = '', trailers = ''] = body.split(/^--$\n?/m)
  const chunks = data.split('\n').flatMap(line => (line === '' ? [] : [grow(line)]))
  const fields = trailers.split('\n').filter(line => line !== '')
  const framed = chunks.map(chunk => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')
  return `${framed}0\r\n${fields.map(line => `${line}\r\n`).join('')}\r\n`
}

function render(lines: readonly string[], body: string | null): string {
  const payload = body === null ? '' : has(lines, 'transfer-encoding') ? chunked(body) : grow(body)
  return `${lines.join('\r\n')}\r\n\r\n${payload}`
}

export function requestBytes(short: string): string {
  const { lines, body } = head(short)
  const [first = '', ...fields] = lines
  const line = / HTTP\/\d/.test(first) ? first : `${first} HTTP/1.1`
  if (!has(fields, 'host')) fields.unshift('host: svc.test')
  if (body !== null && !has(fields, 'content-length') && !has(fields, 'transfer-encoding')) {
    fields.push(`content-length: ${grow(body).length}`)
  }
  return render([line, ...fields], body)
}

export function responseBytes(short: string, method: string): string {
  const { lines, body } = head(short)
  const [first = '200', ...fields] = lines
  const payload = body ?? ''
  const bodiless = /^(1\d\d|204|304)/.test(first)
  if (!bodiless && !has(fields, 'content-length') && !has(fields, 'transfer-encoding')) {
    fields.push(`content-length: ${grow(payload).length}`)
  }
  const text = render([`HTTP/1.1 ${/^\d+$/.test(first) ? `${first} Said` : first}`, ...fields], payload)
  return method === 'HEAD' ? text.slice(0, text.indexOf('\r\n\r\n') + 4) : text
}
