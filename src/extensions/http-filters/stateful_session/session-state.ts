// Where a session keeps the address of its host.
import type { HeaderMap } from '../../../http/index.ts'

export interface SessionState {
  /** The address that the request brings along, 'ip:port'; null: none. */
  read(headers: HeaderMap, nowWallMs: number): string | null
  /** Tells the client which host to come back to; `path` and `asked` are what its request had. */
  write(response: HeaderMap, path: string, address: string, asked: string | null, nowWallMs: number): void
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/

/** Null where it is no base64. */
export const fromBase64 = (text: string): Buffer | null => (BASE64.test(text) ? Buffer.from(text, 'base64') : null)
