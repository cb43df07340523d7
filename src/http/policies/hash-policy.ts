// hash_policy of routes and clusters: a 64-bit hash of the request for consistent-hash load balancing.
import type {
  RouteAction_HashPolicy_CookieJson as CookieJson,
  RouteAction_HashPolicyJson as HashPolicyJson,
} from '#api/envoy/config/route/v3/route_components_pb.ts'
import { toWireText, xxHash64 } from '../../base/index.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileRegexRewrite,
  declareSupport,
  durationMs,
} from '../../config/index.ts'
import type { StreamInfo } from '../../observability/index.ts'
import { cookieValue } from '../cookies.ts'
import { HeaderName } from '../header-name.ts'
import type { HeaderMap } from '../headers.ts'
import { queryParameter } from '../matchers/query-parameter-matcher.ts'
import { filterStateText } from '../matching/filter-state.ts'
import type { HashPolicyPlan } from '../route.ts'

const POLICY = 'envoy.config.route.v3.RouteAction.HashPolicy'
declareSupport(POLICY, {
  supported: ['header', 'cookie', 'connection_properties', 'query_parameter', 'filter_state', 'terminal'],
})
declareSupport(`${POLICY}.Header`, { supported: ['header_name', 'regex_rewrite'] })
declareSupport(`${POLICY}.Cookie`, { supported: ['name', 'ttl', 'path', 'attributes'] })
declareSupport(`${POLICY}.CookieAttribute`, { supported: ['name', 'value'] })
declareSupport(`${POLICY}.ConnectionProperties`, { supported: ['source_ip'] })
declareSupport(`${POLICY}.QueryParameter`, { supported: ['name'] })
declareSupport(`${POLICY}.FilterState`, { supported: ['key'] })

type SetCookie = (value: string) => void
type HashSource = (headers: HeaderMap, info: StreamInfo, setCookie: SetCookie) => bigint | null

const MASK = (1n << 64n) - 1n

class HashPolicies implements HashPolicyPlan {
  private readonly policies: readonly { readonly source: HashSource; readonly terminal: boolean }[]

  constructor(policies: HashPolicies['policies']) {
    this.policies = policies
  }

  hash(headers: HeaderMap, info: StreamInfo, setCookie: SetCookie): bigint | null {
    let hash: bigint | null = null
    for (const { source, terminal } of this.policies) {
      const next = source(headers, info, setCookie)
      if (next !== null) {
        // Rotate, so that the same value twice does not cancel itself out.
        const rotated: bigint = hash === null ? 0n : ((hash << 1n) | (hash >> 63n)) & MASK
        hash = rotated ^ next
      }
      if (terminal && hash !== null) break
    }
    return hash
  }
}

export function compileHashPolicy(
  policies: readonly HashPolicyJson[] | undefined,
  context: CompileContext,
  path: ConfigPath,
): HashPolicyPlan | null {
  if (policies === undefined || policies.length === 0) return null
  return new HashPolicies(
    policies.map((policy, i) => ({
      source: compileSource(policy, context, path.index(i)),
      terminal: policy.terminal === true,
    })),
  )
}

function compileSource(policy: HashPolicyJson, context: CompileContext, path: ConfigPath): HashSource {
  if (policy.header !== undefined) return headerSource(policy.header, context, path.field('header'))
  if (policy.cookie !== undefined) return cookieSource(policy.cookie)
  if (policy.queryParameter !== undefined) {
    const name = toWireText(policy.queryParameter.name ?? '')
    return headers => {
      const value = queryParameter(headers.path, name)
      return value === undefined ? null : xxHash64(value)
    }
  }
  if (policy.filterState !== undefined) {
    const key = policy.filterState.key ?? ''
    return (_headers, info) => {
      const value = filterStateText(info, key)
      return value === null ? null : xxHash64(value)
    }
  }
  if (policy.connectionProperties?.sourceIp !== true) return () => null
  return (_headers, info) => {
    const ip = withoutPort(info.remoteAddress ?? info.connection.remoteAddress)
    return ip === '' ? null : xxHash64(ip)
  }
}

function withoutPort(address: string): string {
  if (address.startsWith('/')) return ''
  const colon = address.lastIndexOf(':')
  const host = colon < 0 ? address : address.slice(0, colon)
  return host.startsWith('[') ? host.slice(1, -1) : host
}

function headerSource(
  header: NonNullable<HashPolicyJson['header']>,
  context: CompileContext,
  path: ConfigPath,
): HashSource {
  const name = header.headerName ?? ''
  const pseudo = name.startsWith(':') && name !== ':authority'
  const line = HeaderName.of(name === ':authority' ? 'host' : name)
  const rewrite =
    header.regexRewrite === undefined
      ? undefined
      : compileRegexRewrite(header.regexRewrite, context, path.field('regex_rewrite'))
  return headers => {
    const text = pseudo ? headers.lookup(name) : undefined
    const values = pseudo ? (text === undefined ? [] : [text]) : headers.getAll(line)
    if (values.length === 0) return null
    const used = rewrite === undefined ? values : values.map(rewrite)
    if (used.length === 1) return xxHash64(used[0]!)
    // In any order the same values give the same hash.
    return used.toSorted().reduce((seed, value) => xxHash64(value, seed), 0n)
  }
}

/** A cookie with a ttl is made when the client has none. */
function cookieSource(cookie: CookieJson): HashSource {
  const name = toWireText(cookie.name ?? '')
  const attributes = cookieAttributes(cookie)
  return (headers, info, setCookie) => {
    const found = cookieValue(headers, name)
    if (found !== undefined && found !== '') return xxHash64(found)
    if (cookie.ttl === undefined) return null
    const { remoteAddress, localAddress } = info.connection
    const value = xxHash64(remoteAddress + localAddress).toString(16)
    setCookie(`${name}="${value}"${attributes}`)
    return xxHash64(value)
  }
}

function cookieAttributes(cookie: CookieJson): string {
  let text = ''
  const seconds = Math.floor(durationMs(cookie.ttl, 0) / 1000)
  if (seconds > 0) text += `; Max-Age=${seconds}`
  if (cookie.path !== undefined && cookie.path !== '') text += `; Path=${toWireText(cookie.path)}`
  for (const { name = '', value = '' } of cookie.attributes ?? [])
    text += value === '' ? `; ${name}` : `; ${name}=${value}`
  return `${text}; HttpOnly`
}
