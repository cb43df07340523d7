// HOT FILE (docs/hot-path.md): names that scripts use, checked and prepared once: most stand in the script itself.
import { HeaderName } from '../../../../http/index.ts'
import { isToken } from './header-text.ts'

/** Names may be made of what requests bring, so there is an end to how many are kept. */
const MAX_KEPT = 512
const kept = new Map<string, HeaderName>()

/** Null: it is no header name. */
export function headerName(text: string): HeaderName | null {
  const present = kept.get(text)
  if (present !== undefined) return present
  if (!isToken(text)) return null
  const name = HeaderName.named(text)
  if (kept.size >= MAX_KEPT) kept.clear()
  kept.set(text, name)
  return name
}
