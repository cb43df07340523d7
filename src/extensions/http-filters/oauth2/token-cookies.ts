// Token cookies of a request: what the browser sends hidden and in pieces, the origin gets plain and whole.
import type { ThreadContext } from '../../../net/index.ts'
import type { StatBlock } from '../../../observability/index.ts'
import { decrypt, isLegacy } from './cookie-crypto.ts'
import { OAUTH2_STATS, type OAuth2Plan } from './plan.ts'
import type { RequestCookies } from './request-cookies.ts'

const LEGACY = OAUTH2_STATS.slot('oauth_legacy_cbc_decrypt')
const MALFORMED = OAUTH2_STATS.slot('oauth_token_cookie_malformed_chunks')
const REASSEMBLED = OAUTH2_STATS.slot('oauth_token_cookie_reassembled')

/** What may stand in a header: text that came out wrong is no token. */
const PLAIN = /^[\x20-\x7e\x80-\xff]*$/

export function decryptTokenCookies(
  plan: OAuth2Plan,
  cookies: RequestCookies,
  thread: ThreadContext,
  { cells }: StatBlock,
): void {
  const { bearer, idToken, refresh } = plan.cookies
  for (const { name } of [bearer, idToken, refresh]) {
    const whole = plan.chunks?.reassemble(cookies, name) ?? null
    if (whole !== null) cells[whole ? REASSEMBLED : MALFORMED]! += 1
    const value = cookies.get(name)
    if (!plan.encrypts || value === '') continue
    const plain = decrypt(value, plan.secret, thread.runtime.snapshot)
    // One that was never encrypted, or with another secret: the signature decides.
    if (plain === null || !PLAIN.test(plain)) continue
    if (isLegacy(value)) cells[LEGACY]! += 1
    cookies.set(name, plain)
  }
}

/** They are for browser and filter alone; the origin may have the tokens. */
export function dropFlowCookies({ cookies: names }: OAuth2Plan, cookies: RequestCookies): void {
  for (const { name } of [names.hmac, names.expires, names.refresh]) cookies.delete(name)
  cookies.deleteFlow(names.nonce.name)
  cookies.deleteFlow(names.verifier.name)
}

export function dropTokenCookies({ cookies: names }: OAuth2Plan, cookies: RequestCookies): void {
  for (const { name } of [names.bearer, names.idToken]) cookies.delete(name)
}
