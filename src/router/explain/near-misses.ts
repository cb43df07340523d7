// Routes that a request nearly takes, and the first of their conditions that does not hold.
import type { RouteJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { CompileContext } from '../../config/index.ts'
import { type Predicate, predicatesOf, type RequestFacts, sharedLength } from './predicates.ts'

export interface NearMiss {
  readonly index: number
  readonly name: string
  /** Conditions that hold before the one that does not. */
  readonly passed: number
  readonly failed: Predicate
}

interface Ranked extends NearMiss {
  readonly shared: number
}

/** The `count` nearest of `routes`, nearest first: by conditions that hold, then by how much of the path they share. */
export function nearMisses(
  routes: readonly RouteJson[],
  ignorePathParameters: boolean,
  facts: RequestFacts,
  context: CompileContext,
  count: number,
): readonly NearMiss[] {
  const ranked: Ranked[] = []
  for (const [index, route] of routes.entries()) {
    const match = route.match ?? {}
    let passed = 0
    for (const predicate of predicatesOf(match, ignorePathParameters, facts, context)) {
      if (predicate.holds) {
        passed++
        continue
      }
      const shared = passed > 0 ? Number.POSITIVE_INFINITY : sharedLength(match, facts.headers)
      ranked.push({ index, name: route.name ?? '', passed, failed: predicate, shared })
      break
    }
  }
  ranked.sort((a, b) => b.passed - a.passed || b.shared - a.shared || a.index - b.index)
  return ranked.slice(0, count).map(({ shared: _, ...miss }) => miss)
}
