// What a function is told of a request, and what a response is made of its answer.
import { isUtf8 } from 'node:buffer'
import { asciiLowerCase } from '../../../config/index.ts'
import { CONTENT_TYPE, type HeaderMap } from '../../../http/index.ts'

const TEXTUAL = /^(?:text\/.*|application\/(?:json|javascript|xml))$/

const utf8 = (bytes: string): string => Buffer.from(bytes, 'latin1').toString('utf8')

/** The JSON event; `body` null: the request has none. */
export function eventOf(headers: HeaderMap, body: Buffer | null): Buffer {
  const fields = new Map<string, string>()
  headers.forEach((name, value) => {
    if (name === 'host') return
    const before = fields.get(name)
    fields.set(name, utf8(before === undefined ? value : `${before},${value}`))
  })
  const isText = body !== null && TEXTUAL.test((headers.get(CONTENT_TYPE) ?? '').toLowerCase())
  const event = {
    raw_path: utf8(headers.path),
    method: headers.method,
    headers: Object.fromEntries(fields),
    query_string_parameters: queryOf(headers.path),
    body: body === null ? '' : isText ? body.toString('utf8') : body.toString('base64'),
    is_base64_encoded: body !== null && !isText,
  }
  return Buffer.from(JSON.stringify(event))
}

/** The first value of each name, as it stands. */
function queryOf(path: string): Record<string, string> {
  const start = path.indexOf('?')
  const values = new Map<string, string>()
  for (const part of start < 0 ? [] : path.slice(start + 1).split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = utf8(equals < 0 ? part : part.slice(0, equals))
    if (!values.has(name)) values.set(name, equals < 0 ? '' : utf8(part.slice(equals + 1)))
  }
  return Object.fromEntries(values)
}

export interface FunctionAnswer {
  /** 0: that of the invocation. */
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly cookies: readonly string[]
  readonly body: Buffer
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/
/** A response's framing is that of its body here. */
const FRAMING = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'upgrade', 'trailer', 'te'])

/** Null: it is no answer that a response can be made of. */
export function answerOf(json: Buffer): FunctionAnswer | null {
  if (!isUtf8(json)) return null
  let parsed: unknown
  try {
    parsed = JSON.parse(json.toString('utf8'))
  } catch {
    // Not JSON: the caller answers with an error.
    return null
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null
  const answer = parsed as Record<string, unknown>
  const field = (camel: string, snake: string): unknown => answer[camel] ?? answer[snake] ?? null
  const status = Number(field('statusCode', 'status_code') ?? 0)
  const headers = textsByName(answer['headers'] ?? {})
  const cookies = answer['cookies'] ?? []
  const body = answer['body'] ?? ''
  const encoded = field('isBase64Encoded', 'is_base64_encoded') ?? false
  if (!isStatus(status) || headers === null || typeof body !== 'string' || typeof encoded !== 'boolean') return null
  if (!Array.isArray(cookies) || !cookies.every(isValue)) return null
  return { status, headers, cookies, body: Buffer.from(body, encoded ? 'base64' : 'utf8') }
}

const isStatus = (status: number): boolean =>
  status === 0 || (Number.isInteger(status) && status >= 200 && status <= 599)

const isValue = (value: unknown): value is string => typeof value === 'string' && !/[\0\r\n]/.test(value)

function textsByName(json: unknown): readonly (readonly [string, string])[] | null {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null
  const fields: [string, string][] = []
  for (const [key, value] of Object.entries(json)) {
    const name = asciiLowerCase(key)
    if (name.startsWith(':') || FRAMING.has(name)) continue
    if (!NAME.test(name) || !isValue(value)) return null
    fields.push([name, value])
  }
  return fields
}
