// HOT FILE (docs/hot-path.md): what makes a head a message (RFC 9113, 8.3), and its HTTP/1 form.
import { HeaderName } from '../../header-name.ts'
import type { HeaderMap } from '../../headers.ts'
import { CONNECTION, CONTENT_LENGTH, HOST, UPGRADE } from '../../known-headers.ts'
import { contentLengthOf } from '../http1/framing.ts'
import * as Kind from './hpack/field-kind.ts'
import { type HeadAssembler, HeadInvalidField, HeadValid, HeadViolation } from './hpack/head-assembler.ts'

const COOKIE = HeaderName.of('cookie')
const SLASH = 47
const ASTERISK = 42

/** Checks a request's head and gives it the form that the rest of the proxy knows. False: `head.failure` says why. */
export function finishRequest(head: HeadAssembler, allowConnect: boolean): boolean {
  if (head.failure !== HeadValid) return false
  const { headers, seen } = head
  const required = headers.method === 'CONNECT' ? CONNECT_PSEUDO : REQUEST_PSEUDO
  if ((seen & required) !== required || !headers.has(HOST)) return head.fail(HeadViolation)
  if (headers.method === 'CONNECT') {
    if (!finishConnect(head, allowConnect)) return false
  } else {
    if (head.saw(Kind.Protocol)) return head.fail(HeadInvalidField)
    const first = headers.bytes[headers.pathStart]
    if (first !== SLASH && !isAsteriskForm(headers)) return head.fail(HeadViolation)
  }
  // Crumbs become the one line that HTTP/1 knows (RFC 9113, 8.2.3).
  if (head.cookies > 1) headers.set(COOKIE, headers.getAll(COOKIE).join('; '))
  return finishFields(head)
}

const REQUEST_PSEUDO = (1 << Kind.Method) | (1 << Kind.Path) | (1 << Kind.Scheme)
const CONNECT_PSEUDO = 1 << Kind.Method

/** CONNECT has an authority only (RFC 9113, 8.5), unless it names a protocol: then it is an upgrade (RFC 8441, 5). */
function finishConnect(head: HeadAssembler, allowConnect: boolean): boolean {
  const { headers } = head
  const whole = head.saw(Kind.Path) && head.saw(Kind.Scheme)
  if (headers.has(CONTENT_LENGTH)) return head.fail(HeadViolation)
  if (!head.saw(Kind.Protocol)) {
    return head.saw(Kind.Path) || head.saw(Kind.Scheme) ? head.fail(HeadViolation) : true
  }
  if (!allowConnect || !whole || headers.bytes[headers.pathStart] !== SLASH) return head.fail(HeadInvalidField)
  headers.method = 'GET'
  headers.append(UPGRADE, head.protocol)
  headers.append(CONNECTION, 'upgrade')
  return true
}

function isAsteriskForm({ method, bytes, pathStart, pathEnd }: HeaderMap): boolean {
  return method === 'OPTIONS' && pathEnd - pathStart === 1 && bytes[pathStart] === ASTERISK
}

/** Checks a response's head. */
export function finishResponse(head: HeadAssembler): boolean {
  if (head.failure !== HeadValid) return false
  // Without multiplexing's own upgrade there is nothing to switch to (RFC 9113, 8.6).
  if (!head.saw(Kind.Status) || head.headers.status === 101) return head.fail(HeadViolation)
  return finishFields(head)
}

function finishFields(head: HeadAssembler): boolean {
  const { headers } = head
  if (headers.repeated) {
    if (contentLengthOf(headers) === -2) return head.fail(HeadInvalidField)
    headers.joinRepeated()
  }
  return true
}

/** The length that the message announces; -1: none, -2: a doubtful one. */
export function announcedLength(headers: HeaderMap): number {
  return headers.has(CONTENT_LENGTH) ? contentLengthOf(headers) : -1
}
