import type { HeaderName } from '../../../http/index.ts'
import type { ThreadContext } from '../../../net/index.ts'

/** What a credential's extension compiles to. */
export interface Credential {
  readonly header: HeaderName
  /** `statPrefix`: that of the filter. */
  start(thread: ThreadContext, statPrefix: string): void
  /** Null: there is none just now. */
  value(thread: ThreadContext): string | null
}
