// Tokens whose signatures were good: for as long as the keys stay they need not be checked again.
import type { JwtCacheConfigJson } from '#api/envoy/extensions/filters/http/jwt_authn/v3/config_pb.ts'
import type { Jwks } from './jwks.ts'

const DEFAULT_SIZE = 100
const DEFAULT_MAX_TOKEN_BYTES = 4096

/** The least recently used goes first. */
export class TokenCache {
  private readonly size: number
  private readonly maxTokenBytes: number
  private readonly tokens = new Set<string>()
  private jwks: Jwks | null = null

  constructor({ jwtCacheSize, jwtMaxTokenSize }: JwtCacheConfigJson) {
    this.size = jwtCacheSize || DEFAULT_SIZE
    this.maxTokenBytes = jwtMaxTokenSize || DEFAULT_MAX_TOKEN_BYTES
  }

  /** Whether one of these very keys signed it. */
  has(token: string, jwks: Jwks): boolean {
    if (this.jwks !== jwks || !this.tokens.delete(token)) return false
    this.tokens.add(token)
    return true
  }

  add(token: string, jwks: Jwks): void {
    if (token.length > this.maxTokenBytes) return
    if (this.jwks !== jwks) this.tokens.clear()
    this.jwks = jwks
    this.tokens.add(token)
    if (this.tokens.size > this.size) for (const oldest of this.tokens) return void this.tokens.delete(oldest)
  }
}
