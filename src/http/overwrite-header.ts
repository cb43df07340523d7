import type { HeaderName } from './header-name.ts'
import type { HeaderMap } from './headers.ts'

/** Makes `value` the only one of that name. As Envoy: at the end, unless it is a name the proxy itself knows. */
export function overwriteHeader(headers: HeaderMap, name: HeaderName, value: string): void {
  if (name.bit === 0) headers.remove(name)
  headers.set(name, value)
}
