// Whether a browser's return from the authorization server is the end of a login that began here.
import { queryParameter } from '../../../http/index.ts'
import { isCsrfToken, safeEqual } from './cookie-crypto.ts'
import { decodeState } from './login-state.ts'
import type { OAuth2Plan } from './plan.ts'
import type { RequestCookies } from './request-cookies.ts'
import { isAllowedUrl, parseAbsoluteUrl } from './urls.ts'

export interface Callback {
  /** Why it is not: the response's details; null: it is. */
  readonly problem: string | null
  readonly code: string
  /** Where the browser wanted to go. */
  readonly url: string
  /** '' until it is known that the login is this browser's own. */
  readonly flowId: string
}

/** They become part of cookie names. */
const FLOW_ID = /^[0-9A-Za-z]{0,64}$/

export const flowCookie = (name: string, flowId: string): string => `${name}.${flowId}`

const refused = (problem: string, flowId = ''): Callback => ({ problem, code: '', url: '', flowId })

export function validateCallback(plan: OAuth2Plan, path: string, cookies: RequestCookies): Callback {
  const state = queryParameter(path, 'state')
  const question = path.indexOf('?')
  const query = question < 0 ? '' : path.slice(question)
  if (queryParameter(path, 'error') !== undefined) {
    const flowId = state === undefined ? '' : validateState(plan, state, cookies).flowId
    return refused(`OAuth server returned an error: ${query}`, flowId)
  }
  const code = queryParameter(path, 'code')
  if (code === undefined || state === undefined) return refused(`Code or state query param does not exist: ${query}`)
  return { ...validateState(plan, state, cookies), code }
}

function validateState(plan: OAuth2Plan, text: string, cookies: RequestCookies): Callback {
  const state = decodeState(text)
  if (typeof state === 'string') return refused(state)
  const { url, flowId } = state
  // A page of somebody else could send a browser here with the code of an account of his: the browser's cookie tells.
  if (!FLOW_ID.test(flowId) || !isOwnLogin(plan, state.csrfToken, flowId, cookies)) {
    return refused('CSRF token validation failed')
  }
  if (parseAbsoluteUrl(url) === null) return refused('State url can not be initialized', flowId)
  if (!isAllowedUrl(url, plan.allowedDomains)) {
    return refused(`State url host is not in the allowed redirect domains: ${url}`, flowId)
  }
  return { problem: null, code: '', url, flowId }
}

function isOwnLogin(plan: OAuth2Plan, token: string, flowId: string, cookies: RequestCookies): boolean {
  const { name } = plan.cookies.nonce
  const cookie = cookies.get(flowCookie(name, flowId)) || cookies.get(name)
  return cookie !== '' && safeEqual(cookie, token) && isCsrfToken(plan.secret, token)
}
