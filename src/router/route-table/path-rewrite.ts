// How a route changes the path: prefix_rewrite, regex_rewrite, path_rewrite_policy or path_rewrite.
import { asciiLowerCase, type RegexRewrite } from '../../config/index.ts'
import { pathLength } from '../../http/index.ts'
import type { RouteMatcher } from './route-match.ts'

/** From path to path, both with query; '' leaves the path as it is. */
export type PathRewrite = (path: string) => string

/** Replaces what the route matched: the prefix, or the whole path where there is none. The query stays. */
export function prefixRewrite(replacement: string, matcher: RouteMatcher): PathRewrite {
  if (matcher.kind === 'prefix' || matcher.kind === 'separated') {
    const prefix = matcher.caseSensitive ? matcher.text : asciiLowerCase(matcher.text)
    return path => {
      const matched = matcher.caseSensitive ? path : asciiLowerCase(path)
      // A filter may have changed the path since the route was chosen.
      return matched.startsWith(prefix) ? replacement + path.slice(prefix.length) : path
    }
  }
  return path => replacement + path.slice(pathLength(path))
}

export function regexRewrite(rewrite: RegexRewrite): PathRewrite {
  return path => {
    const end = pathLength(path)
    const rewritten = rewrite(path.slice(0, end))
    return rewritten === '' ? '' : rewritten + path.slice(end)
  }
}
