// type.matcher.v3.PathMatcher: a string matcher on the path without query and fragment.
import type { PathMatcherJson } from '#api/envoy/type/matcher/v3/path_pb.ts'
import {
  type CompileContext,
  type ConfigPath,
  compileStringMatcher,
  declareSupport,
  type StringPredicate,
} from '../../config/index.ts'

declareSupport('envoy.type.matcher.v3.PathMatcher', { supported: ['path'] })

/** Length of `path` up to its query or fragment. */
export function pathLength(path: string): number {
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i)
    if (c === 63 || c === 35) return i
  }
  return path.length
}

export function withoutQuery(path: string): string {
  return path.slice(0, pathLength(path))
}

export function compilePathMatcher(
  matcher: PathMatcherJson,
  context: CompileContext,
  path: ConfigPath,
): StringPredicate {
  const predicate = compileStringMatcher(matcher.path ?? {}, context, path.field('path'))
  return requestPath => predicate(withoutQuery(requestPath))
}
