// What is done with all lines of a head, and not for every request.
import type { HeaderMap } from './headers.ts'
import { HOST, joinsLines, knownName } from './known-headers.ts'

const PSEUDO_HEADERS = [':method', ':scheme', ':authority', ':path', ':status'] as const

/** Of names that the proxy knows there is one line afterwards. */
export function joinLines(headers: HeaderMap): void {
  for (let i = 0; i < headers.length; i++) {
    if (headers.isRemoved(i)) continue
    const name = knownName(headers.bytes, headers.nameStartAt(i), headers.nameEndAt(i), headers.printAt(i))
    if (name === undefined || headers.find(name, i + 1) < 0 || !joinsLines(name, headers.status > 0)) continue
    const values = headers.getAll(name).filter(value => value !== '')
    headers.set(name, values.join(','))
  }
}

export function byteSizeOf(headers: HeaderMap): number {
  const { method, status } = headers
  let total = 0
  for (let i = 0; i < headers.length; i++) {
    if (!headers.isRemoved(i)) total += headers.valueEndAt(i) - headers.nameStartAt(i) - 2
  }
  if (method !== '') total += 7 + method.length + 5 + headers.path.length + 7 + headers.scheme.length
  // `host` is `:authority` to Envoy, six characters longer.
  if (method !== '' && headers.has(HOST)) total += 6
  if (status !== 0) total += 10
  return total
}

/** True: there was one whose name begins so. */
export function removePrefix(headers: HeaderMap, prefix: string): boolean {
  let removed = false
  for (let i = 0; i < headers.length; i++) {
    if (headers.isRemoved(i) || !headers.nameAt(i).startsWith(prefix)) continue
    headers.removeAt(i)
    removed = true
  }
  return removed
}

/** Each once, pseudo headers first. */
export function namesOf(headers: HeaderMap): readonly string[] {
  const names = new Set<string>(PSEUDO_HEADERS.filter(name => headers.lookup(name) !== undefined))
  // A request's host is its :authority.
  headers.forEach(name => {
    if (name !== 'host' || headers.method === '') names.add(name)
  })
  return [...names]
}
