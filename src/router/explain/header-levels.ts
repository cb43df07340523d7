// The header mutations that a route applies, level by level in their order, in words.
import type { HeaderValueOptionJson } from '#api/envoy/config/core/v3/base_pb.ts'
import type { RouteJson, VirtualHostJson } from '#api/envoy/config/route/v3/route_components_pb.ts'
import type { RouteConfigurationJson } from '#api/envoy/config/route/v3/route_pb.ts'
import type { MutationLists } from '../../http/index.ts'
import { levelsInOrder } from '../route-table/route.ts'

export interface HeaderLevel {
  readonly level: 'weighted_cluster' | 'route' | 'virtual_host' | 'route_configuration'
  /** In the order they are carried out. */
  readonly request: readonly string[]
  readonly response: readonly string[]
}

const VERBS = {
  APPEND_IF_EXISTS_OR_ADD: 'add',
  ADD_IF_ABSENT: 'add if absent',
  OVERWRITE_IF_EXISTS_OR_ADD: 'set',
  OVERWRITE_IF_EXISTS: 'set if present',
} as const

function additionText({ header = {}, append, appendAction }: HeaderValueOptionJson): string {
  const action = append === false ? 'OVERWRITE_IF_EXISTS_OR_ADD' : (appendAction ?? 'APPEND_IF_EXISTS_OR_ADD')
  const value = header.value ?? (header.rawValue === undefined ? '' : Buffer.from(header.rawValue, 'base64').toString())
  return `${VERBS[action]} ${(header.key ?? '').toLowerCase()}: ${value}`
}

const texts = (remove: readonly string[] = [], add: readonly HeaderValueOptionJson[] = []): readonly string[] => [
  ...remove.map(name => `remove ${name.toLowerCase()}`),
  ...add.map(additionText),
]

export function headerLevels(
  cluster: MutationLists | undefined,
  route: RouteJson,
  host: VirtualHostJson,
  table: RouteConfigurationJson,
): readonly HeaderLevel[] {
  const described = (level: HeaderLevel['level'], lists: MutationLists): HeaderLevel => ({
    level,
    request: texts(lists.requestHeadersToRemove, lists.requestHeadersToAdd),
    response: texts(lists.responseHeadersToRemove, lists.responseHeadersToAdd),
  })
  const levels = levelsInOrder(
    described('route', route),
    described('virtual_host', host),
    described('route_configuration', table),
    table.mostSpecificHeaderMutationsWins === true,
  )
  const all = cluster === undefined ? levels : [described('weighted_cluster', cluster), ...levels]
  return all.filter(({ request, response }) => request.length > 0 || response.length > 0)
}
