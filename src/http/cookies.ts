import { HeaderName } from './header-name.ts'
import type { HeaderMap } from './headers.ts'

const COOKIE = HeaderName.of('cookie')

function nameOf(pair: string): string | null {
  const equals = pair.indexOf('=')
  return equals < 0 ? null : pair.slice(0, equals).trim()
}

/** The first cookie of that name, without the quotes around its value. */
export function cookieValue(headers: HeaderMap, name: string): string | undefined {
  for (const line of headers.getAll(COOKIE)) {
    for (const pair of line.split(';')) {
      if (nameOf(pair) !== name) continue
      const value = pair.slice(pair.indexOf('=') + 1).trim()
      return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value
    }
  }
  return undefined
}

/** Takes the cookies of that name away, and nothing else. */
export function removeCookie(headers: HeaderMap, name: string): void {
  const lines = headers.getAll(COOKIE)
  const kept = lines.map(line =>
    line
      .split(';')
      .filter(pair => nameOf(pair) !== name)
      .map(pair => pair.trim())
      .join('; '),
  )
  if (kept.every((line, i) => line === lines[i])) return
  headers.remove(COOKIE)
  for (const line of kept) if (line !== '') headers.append(COOKIE, line)
}
