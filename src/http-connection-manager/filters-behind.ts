import type { HttpFilter } from '../http/index.ts'
import type { ChainedFilter } from './plan.ts'

/** What stands behind `first` in the chain because its plan makes several filters. */
export function addBehind(filters: HttpFilter[], { plan }: ChainedFilter, first: HttpFilter): void {
  for (const filter of plan.createBehind?.(first) ?? []) {
    filter.callbacks = first.callbacks
    filters.push(filter)
  }
}
