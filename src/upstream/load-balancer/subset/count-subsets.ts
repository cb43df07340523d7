import type { StatBlock } from '../../../observability/index.ts'
import { CLUSTER_SLOTS as C } from '../../stats.ts'

/** The counters tell which subsets have come and gone since the last snapshot. */
export function countSubsets(
  parts: { readonly stats: StatBlock; readonly memory: { subsets: ReadonlySet<string> } },
  now: ReadonlySet<string>,
): void {
  const { stats, memory } = parts
  const before = memory.subsets
  stats.cells[C.lb_subsets_created]! += now.difference(before).size
  stats.cells[C.lb_subsets_removed]! += before.difference(now).size
  stats.cells[C.lb_subsets_active]! = now.size
  memory.subsets = now
}
