// What the service wants changed, done to a head.
import { type HeaderMap, overwriteHeader, serviceFieldProblem } from '../../../http/index.ts'
import {
  AddHeader,
  AddIfAbsent,
  AppendHeader,
  type CheckResult,
  type HeaderChange,
  JoinHeader,
  SetHeader,
  SetIfPresent,
} from './check.ts'

/** What keeps the changes of a request from being sent; null: nothing does. */
export function problemOfChanges(changes: readonly HeaderChange[]): string | null {
  for (const { name, value } of changes) {
    const { text } = name
    const part = FIRST_LINE[text]
    if (part === undefined) {
      const problem = serviceFieldProblem(text, value)
      if (problem !== null) return problem
    } else if (!part.test(value)) return `invalid header value for: ${text}`
  }
  return null
}

const FIRST_LINE: Readonly<Record<string, RegExp>> = {
  ':method': /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/,
  ':path': /^[!-~\x80-\xff]+$/,
  ':scheme': /^https?$/,
  ':authority': /^[!-~\x80-\xff]*$/,
}

/** True: the name is one of the request's first line. */
function setFirstLine(headers: HeaderMap, name: string, value: string): boolean {
  if (name === ':method') headers.method = value
  else if (name === ':path') headers.path = value
  else if (name === ':scheme') headers.scheme = value
  else if (name === ':authority') headers.authority = value
  else return name.startsWith(':')
  return true
}

/** Headers that are set make room for what was there once, so that one name may be set to several values. */
export function applyChanges(headers: HeaderMap, changes: readonly HeaderChange[]): void {
  for (const { name, value, kind } of changes) {
    if (name.text.startsWith(':') && setFirstLine(headers, name.text, value)) continue
    switch (kind) {
      case SetHeader:
        overwriteHeader(headers, name, value)
        break
      case SetIfPresent:
        if (headers.has(name)) overwriteHeader(headers, name, value)
        break
      case AddIfAbsent:
        if (!headers.has(name)) headers.append(name, value)
        break
      case JoinHeader:
        if (headers.has(name)) headers.set(name, `${headers.getAll(name).join(',')},${value}`)
        break
      case AppendHeader:
      case AddHeader:
        headers.append(name, value)
    }
  }
}

const NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
const VALUE = /^[^\0\r\n]*$/

/** Whether all headers could be sent as they are. */
export function changesAreValid({ clientHeaders, requestChanges, responseChanges }: CheckResult): boolean {
  return [clientHeaders, requestChanges, responseChanges].every(list =>
    list.every(({ name, value }) => NAME.test(name.text) && VALUE.test(value)),
  )
}

const UNSAFE = /[^A-Za-z0-9\-._~!$'()*+,;:@/?]/g
const escapeByte = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
const encode = (text: string): string => text.replace(UNSAFE, escapeByte)

export function rewriteQuery(
  headers: HeaderMap,
  set: readonly { readonly key: string; readonly value: string }[],
  remove: readonly string[],
): void {
  const { path } = headers
  const question = path.indexOf('?')
  const pairs = question < 0 ? [] : path.slice(question + 1).split('&')
  const gone = new Set([...remove, ...set.map(({ key }) => key)].map(encode))
  const kept = pairs.filter(pair => !gone.has(pair.split('=', 1)[0] as string))
  const added = set.map(({ key, value }) => `${encode(key)}=${encode(value)}`)
  const query = [...kept, ...added].join('&')
  headers.path = (question < 0 ? path : path.slice(0, question)) + (query === '' ? '' : `?${query}`)
}
