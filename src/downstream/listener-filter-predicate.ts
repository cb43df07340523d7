import type { ListenerFilterChainMatchPredicateJson } from '#api/envoy/config/listener/v3/listener_components_pb.ts'

/** Compiles ListenerFilter.filter_disabled: true for destination ports where the filter is left out. */
export function compileDisabledPredicate(
  json: ListenerFilterChainMatchPredicateJson,
): (destinationPort: number) => boolean {
  const { anyMatch, notMatch, andMatch, orMatch, destinationPortRange: range } = json
  if (anyMatch !== undefined) return () => true
  if (notMatch !== undefined) {
    const inner = compileDisabledPredicate(notMatch)
    return port => !inner(port)
  }
  if (range !== undefined) return port => port >= (range.start ?? 0) && port < (range.end ?? 0)
  if (andMatch !== undefined) {
    const rules = (andMatch.rules ?? []).map(compileDisabledPredicate)
    return port => rules.every(rule => rule(port))
  }
  const rules = (orMatch?.rules ?? []).map(compileDisabledPredicate)
  return port => rules.some(rule => rule(port))
}
