// The state parameter: where a browser came from, and by what its answer is recognised. Base64url of a JSON object.
import { printable } from '../../../http/index.ts'

export interface LoginState {
  readonly url: string
  readonly csrfToken: string
  /** '' in states of old Envoys. */
  readonly flowId: string
}

/** All texts are latin1: bytes, not characters. */
export function encodeState({ url, csrfToken, flowId }: LoginState): string {
  const json = JSON.stringify({ url, csrf_token: csrfToken, flow_id: flowId })
  return Buffer.from(json, 'latin1').toString('base64url')
}

/** What cannot be read is told as a text: the response's details. */
export function decodeState(state: string): LoginState | string {
  const json = Buffer.from(state, 'base64url').toString('latin1')
  const value = parse(json)
  if (typeof value !== 'object' || value === null) return `State query param is not a valid JSON: ${printable(json)}`
  const { url, csrf_token: csrfToken, flow_id: flowId = '' } = value as Record<string, unknown>
  if (url === undefined || csrfToken === undefined) {
    return `State query param does not contain url or CSRF token: ${printable(json)}`
  }
  return { url: text(url), csrfToken: text(csrfToken), flowId: text(flowId) }
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    // Anybody may send anything.
    return null
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
