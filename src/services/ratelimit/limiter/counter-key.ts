// HOT FILE (docs/hot-path.md): what a counter is called.
import type { Descriptor } from '../wire/rate-limit-request.ts'
import type { Limit } from './limit.ts'

/**
 * 'domain_key_value_key_value_', which the start of the window follows. Byte for byte the key of envoyproxy/ratelimit, so
 * that both can share one Redis; with its weakness that values with '_' may meet.
 */
export function counterKey(prefix: string, domain: string, { entries }: Descriptor, { sharedValues }: Limit): string {
  let key = `${prefix}${domain}_`
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!
    const value = sharedValues === null ? entry.value : (sharedValues[i] ?? entry.value)
    key += `${entry.key}_${value}_`
  }
  return key
}
