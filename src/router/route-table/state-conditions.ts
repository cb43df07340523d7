// RouteMatch.filter_state and RouteMatch.cookies.
import type { CookieMatcherJson, RouteMatchJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { FilterStateMatcherJson } from '#api/envoy/type/matcher/v3/filter_state_pb.ts'
import { toWireText } from '../../base/index.ts'
import { type CompileContext, type ConfigPath, compileStringMatcher, declareSupport } from '../../config/index.ts'
import { cookieValue, filterStateText } from '../../http/index.ts'
import { type Cidr, parseCidr, parseIp } from '../../net/index.ts'
import type { Condition } from './route-match.ts'

declareSupport('envoy.config.route.v3.CookieMatcher', { supported: ['name', 'string_match', 'invert_match'] })
declareSupport('envoy.type.matcher.v3.FilterStateMatcher', { supported: ['key', 'string_match', 'address_match'] })
declareSupport('envoy.type.matcher.v3.AddressMatcher', { supported: ['ranges', 'invert_match'] })

const NO_CONDITIONS: readonly Condition[] = []

export function compileStateConditions(
  match: RouteMatchJson,
  context: CompileContext,
  path: ConfigPath,
): readonly Condition[] {
  if (match.filterState === undefined && match.cookies === undefined) return NO_CONDITIONS
  const states = path.field('filter_state')
  const cookies = path.field('cookies')
  return [
    ...(match.filterState ?? []).map((matcher, i) => filterStateCondition(matcher, context, states.index(i))),
    ...(match.cookies ?? []).map((matcher, i) => cookieCondition(matcher, context, cookies.index(i))),
  ]
}

/** What is not there does not match. */
function filterStateCondition(matcher: FilterStateMatcherJson, context: CompileContext, path: ConfigPath): Condition {
  const key = matcher.key ?? ''
  const { addressMatch } = matcher
  if (addressMatch !== undefined) {
    const ranges = (addressMatch.ranges ?? []).map(parseCidr).filter((range): range is Cidr => range !== null)
    return (_headers, info) => {
      const ip = parseIp(filterStateText(info, key) ?? '')
      if (ip === null) return false
      return ranges.some(range => range.contains(ip)) !== (addressMatch.invertMatch === true)
    }
  }
  const matches = compileStringMatcher(matcher.stringMatch ?? {}, context, path.field('string_match'))
  return (_headers, info) => {
    const text = filterStateText(info, key)
    return text !== null && matches(text)
  }
}

function cookieCondition(matcher: CookieMatcherJson, context: CompileContext, path: ConfigPath): Condition {
  const name = toWireText(matcher.name ?? '')
  const inverted = matcher.invertMatch === true
  const matches = compileStringMatcher(matcher.stringMatch ?? {}, context, path.field('string_match'))
  return headers => {
    const value = cookieValue(headers, name)
    return (value !== undefined && matches(value)) !== inverted
  }
}
